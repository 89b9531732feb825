// Lines, shelf zones and privacy masks: one form for all of them on the page, and how each looks on a picture.
import { draw } from "./dom.js";

/** Return a drawing of box.toml as shapes; `zone` keeps the keys that are not drawn. */
export function shapesOf(drawing) {
  if (!drawing) return [];
  return [
    ...drawing.lines.map((zone) => ({ kind: "line", name: zone.name, points: [zone.start, zone.end], zone })),
    ...drawing.shelves.map((zone) => ({ kind: "shelf", name: zone.name, points: cornersOf(zone), zone })),
    ...drawing.masks.map((points, index) => ({ kind: "mask", name: `mask ${index + 1}`, points, zone: {} })),
  ];
}

/** Return shapes in the form of box.toml. */
export function drawingOf(shapes) {
  const of = (kind) => shapes.filter((shape) => shape.kind === kind);
  return {
    lines: of("line").map(({ zone, name, points: [start, end] }) => ({ ...zone, name, start, end })),
    shelves: of("shelf").map(({ zone, name, points }) => {
      const { rectangle: _rectangle, polygon: _polygon, ...rest } = zone;
      return { ...rest, name, ...(isRectangle(points) ? { rectangle: [...points[0], ...points[2]] } : { polygon: points }) };
    }),
    masks: of("mask").map(({ points }) => points),
  };
}

export function rectangle([x0, y0], [x1, y1]) {
  const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
  const [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

function cornersOf(zone) {
  if (!zone.rectangle) return zone.polygon;
  const [left, top, right, bottom] = zone.rectangle;
  return rectangle([left, top], [right, bottom]);
}

function isRectangle(points) {
  if (points.length !== 4) return false;
  const wanted = rectangle(points[0], points[2]);
  return points.every(([x, y], index) => x === wanted[index][0] && y === wanted[index][1]);
}

/** Return what shows a shape on a picture of this size, pixels. */
export function shapeElements(shape, width, height, selected = false) {
  const at = shape.points.map(([x, y]) => [x * width, y * height]);
  const name = `shape ${shape.kind}${selected ? " selected" : ""}`;
  const label = draw("text", { class: `shape-name ${shape.kind}`, ...labelPlace(shape, at) }, shape.name);
  if (shape.kind !== "line") {
    return [draw("polygon", { class: name, points: at.map((point) => point.join()).join(" ") }), label];
  }
  const [[x1, y1], [x2, y2]] = at;
  return [draw("line", { class: `${name} halo`, x1, y1, x2, y2 }), draw("line", { class: name, x1, y1, x2, y2 }), ...arrows(shape, at), label];
}

function labelPlace(shape, at) {
  if (shape.kind === "line") {
    const [[x1, y1], [x2, y2]] = y0First(at);
    return { x: x1 + (x2 - x1) * 0.08 + 8, y: Math.max(16, y1 + (y2 - y1) * 0.08) };
  }
  return { x: Math.min(...at.map(([x]) => x)) + 6, y: Math.min(...at.map(([, y]) => y)) + 17 };
}

const y0First = (at) => (at[0][1] <= at[1][1] ? at : [at[1], at[0]]);

/** Arrows across a line's middle: from left to right as seen when looking from its start to its end. */
function arrows(shape, [[x1, y1], [x2, y2]]) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 1) return [];
  const right = [-(y2 - y1) / length, (x2 - x1) / length]; // y grows downwards
  const direction = shape.zone.direction ?? "both";
  const ways = { both: [1, -1], left_to_right: [1], right_to_left: [-1] }[direction];
  return ways.map((way) => {
    const [dx, dy] = [right[0] * way, right[1] * way];
    const [x, y] = [(x1 + x2) / 2 + dx * 24, (y1 + y2) / 2 + dy * 24];
    const head = [[x, y], [x - dx * 9 - dy * 5, y - dy * 9 + dx * 5], [x - dx * 9 + dy * 5, y - dy * 9 - dx * 5]];
    return draw(
      "g",
      { class: "arrow" },
      draw("line", { x1: (x1 + x2) / 2 + dx * 4, y1: (y1 + y2) / 2 + dy * 4, x2: x - dx * 8, y2: y - dy * 8 }),
      draw("polygon", { points: head.map((point) => point.join()).join(" ") }),
    );
  });
}
