// What the box knows of a picture, painted over it in the screen's own pixels: sharp at every size.
import { draw } from "./dom.js";
import { shapeElements } from "./shapes.js";

const ROW = 18;

export function paint(svg, scene, shapes) {
  const width = svg.clientWidth;
  const height = svg.clientHeight;
  const captions = [];
  const boxes = scene.items.map((item) => boxOf(item, width, height));
  for (const item of scene.items.filter((each) => each.kind !== "label")) {
    captions.push(captionOf(item, width, height, captions));
  }
  const stock = scene.stock.flatMap((zone) => stockOf(zone, shapes, width, height));
  svg.replaceChildren(
    ...shapes.flatMap((shape) => shapeElements(shape, width, height)),
    ...boxes,
    ...captions.map((caption) => caption.element),
    ...stock,
  );
}

function tone(item) {
  if (item.kind !== "parcel") return item.kind;
  if (item.decided === null) return "undecided";
  return item.decided === "read" ? "read" : "not-read";
}

function boxOf(item, width, height) {
  const [left, top, right, bottom] = item.box;
  return draw("rect", {
    class: `found ${tone(item)}`,
    x: left * width,
    y: top * height,
    width: (right - left) * width,
    height: (bottom - top) * height,
    rx: 3,
  });
}

/** Put a caption above its box, and lower where another one stands there already. */
function captionOf(item, width, height, others) {
  const decided = item.decided && item.decided !== "read" ? item.decided.replaceAll("_", " ") : null;
  const name = item.kind === "parcel" ? `#${item.track}` : item.label;
  const text = [name, decided, ...item.texts].filter(Boolean).join(" ");
  const size = Math.min(text.length * 7.2 + 10, width);
  const x = Math.max(0, Math.min(item.box[0] * width, width - size));
  let y = Math.max(0, item.box[1] * height - ROW);
  while (y + 2 * ROW < height && others.some((o) => x < o.x + o.size && o.x < x + size && Math.abs(o.y - y) < ROW)) {
    y += ROW;
  }
  const element = draw(
    "g",
    { class: `caption ${tone(item)}` },
    draw("rect", { x, y, width: size, height: ROW, rx: 3 }),
    draw("text", { x: x + 5, y: y + 13 }, text),
  );
  return { element, x, y, size };
}

function stockOf(zone, shapes, width, height) {
  const shape = shapes.find((each) => each.kind === "shelf" && each.name === zone.zone);
  if (!shape) return [];
  const counts = zone.counts && Object.entries(zone.counts).map(([tag, count]) => `${count} ${tag}`).join(", ");
  const x = Math.min(...shape.points.map((point) => point[0])) * width;
  const y = Math.max(...shape.points.map((point) => point[1])) * height;
  return [draw("text", { class: "stock", x: x + 6, y: y - 7 }, counts ?? (zone.comparing ? "comparing…" : "not sure yet"))];
}
