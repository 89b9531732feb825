"""From what a classifier and a gallery say of one crop to tags, none of which contradict one another."""

from edge.model.classifier import Classification
from edge.model.gallery import Gallery
from edge.model.taxonomy import Taxonomy
from edge.tags.events import Tag, TagSource
from edge.tags.verdict import Attributes

TAUGHT = "product"  # what a gallery tells that begins on a box


def said_of(classification: Classification, taxonomy: Taxonomy, gallery: Gallery | None) -> tuple[Tag, ...]:
    """Return all that is sure of a crop.

    Both may tell the same attribute. A product that only the gallery knows is its to tell, since the classifier can but
    take it for another; where both know it and disagree, it is unknown.
    """
    tags = [Tag(tag.attribute, tag.value, tag.score, TagSource.CLASSIFIER) for tag in classification.tags if tag.sure]
    match = gallery.search(classification.embedding) if gallery is not None else None
    if gallery is None or match is None:
        return tuple(tags)
    attribute = gallery.record.attribute
    known = next((tag for tag in tags if tag.key == attribute), None)
    if known is not None and known.value == match.name:
        return tuple(tags)
    others = [tag for tag in tags if tag.key != attribute]
    learnt = taxonomy.attribute(attribute)
    if known is not None and learnt is not None and match.name in learnt.values:
        return tuple(others)
    return (*others, Tag(attribute, match.name, match.score, TagSource.GALLERY))


def attributes_of(taxonomy: Taxonomy, gallery: Gallery | None, *, can_be_taught: bool = False) -> Attributes:
    """Return what the two can tell together; what can be taught on the box may tell products that are still to come."""
    values = {attribute.name: attribute.values for attribute in taxonomy.attributes}
    single = [attribute.name for attribute in taxonomy.attributes if not attribute.multiple]
    if gallery is not None:
        name = gallery.record.attribute
        values[name] = tuple(dict.fromkeys((*values.get(name, ()), *gallery.names)))
        single += [] if name in single else [name]
    if can_be_taught and gallery is None and TAUGHT not in single:
        values.setdefault(TAUGHT, ())
        single.append(TAUGHT)
    several = tuple(attribute.name for attribute in taxonomy.attributes if attribute.multiple)
    return Attributes(tuple(single), several, values)
