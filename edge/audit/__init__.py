"""A person's word on events drawn at random: how right the box is here, with an interval that says how sure that is."""
