// One shape below the picture: its name, and what box.toml says of it beside its place.
import { make } from "./dom.js";

const DIRECTIONS = { both: "both ways", left_to_right: "left to right", right_to_left: "right to left" };

/**
 * Return the row of a shape.
 *
 * @param shape is changed as the reader writes.
 * @param row says whether it is `selected`, the model's `classes`, and what to call: `changed`, `select`, `remove`.
 */
export function shapeRow(shape, row) {
  const change = (apply) => (event) => {
    apply(event.target.value.trim());
    row.changed();
  };
  const name = make("input", {
    value: shape.name,
    "aria-label": "Name",
    pattern: "[A-Za-z0-9_\\-]{1,64}",
    maxlength: 64,
    disabled: shape.kind === "mask",
    oninput: change((value) => (shape.name = value)),
  });
  return make(
    "li",
    { class: `${shape.kind}${row.selected ? " selected" : ""}`, onclick: row.select },
    name,
    ...settings(shape, row.classes, change),
    make("button", { class: "plain", "aria-label": `Remove ${shape.name}`, onclick: row.remove }, "Remove"),
  );
}

function settings({ kind, zone }, classes, change) {
  switch (kind) {
    case "line":
      return [direction(zone, change)];
    case "shelf":
      return [expected(zone, classes, change), limit(zone, "min", change), limit(zone, "max", change)];
    default:
      return [];
  }
}

function direction(zone, change) {
  const options = Object.entries(DIRECTIONS).map(([value, text]) =>
    make("option", { value, selected: value === (zone.direction ?? "both") }, text),
  );
  const choose = change((value) => (zone.direction = value));
  return make("select", { "aria-label": "Direction that counts", onchange: choose }, ...options);
}

function expected(zone, classes, change) {
  return make("input", {
    value: (zone.expected ?? []).join(", "),
    placeholder: classes.length ? `expected: ${classes.slice(0, 3).join(", ")} …` : "expected classes",
    "aria-label": "Expected classes",
    oninput: change((value) => {
      zone.expected = value.split(",").map((part) => part.trim()).filter(Boolean);
      if (zone.expected.length === 0) delete zone.expected;
    }),
  });
}

function limit(zone, key, change) {
  return make("input", {
    type: "number",
    min: key === "max" ? 1 : 0,
    value: zone[key] ?? "",
    placeholder: key,
    "aria-label": key,
    oninput: change((value) => {
      if (value === "") delete zone[key];
      else zone[key] = Number(value);
    }),
  });
}
