// The latency of the last two minutes: one point a second, half of the frames and 99 of 100.
import { draw } from "./dom.js";

const WIDTH = 480;
const HEIGHT = 150;
const LEFT = 52;
const BOTTOM = 18;
const STEPS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

export function plotLatency(svg, now, latency) {
  const last = latency.p99_ms.findLastIndex((value) => value !== null);
  now.textContent = last < 0 ? "" : `${Math.round(latency.p50_ms[last])} ms, at most ${Math.round(latency.p99_ms[last])}`;
  const highest = Math.max(1, ...latency.p99_ms.filter((value) => value !== null));
  const top = STEPS.find((step) => step >= highest) ?? highest;
  const x = (index) => LEFT + ((WIDTH - LEFT - 4) * index) / (latency.p50_ms.length - 1);
  const y = (ms) => 6 + (HEIGHT - BOTTOM - 6) * (1 - Math.min(ms, top) / top);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const marks = [0, top / 2, top].flatMap((ms) => [
    draw("line", { class: "grid", x1: LEFT, x2: WIDTH - 4, y1: y(ms), y2: y(ms) }),
    draw("text", { x: LEFT - 6, y: y(ms) + 4, "text-anchor": "end" }, ms === top ? `${ms} ms` : `${ms}`),
  ]);
  const seconds = latency.p50_ms.length;
  const times = [0, seconds / 2, seconds - 1].map((index) =>
    draw(
      "text",
      { x: x(index), y: HEIGHT - 2, "text-anchor": index === 0 ? "start" : index === seconds - 1 ? "end" : "middle" },
      index === seconds - 1 ? "now" : `−${seconds - index} s`,
    ),
  );
  svg.replaceChildren(
    ...marks,
    ...times,
    draw("path", { class: "p99", d: path(latency.p99_ms, x, y) }),
    draw("path", { class: "p50", d: path(latency.p50_ms, x, y) }),
  );
}

/** Return the path through the seconds that have a value; a second without one is a gap. */
function path(values, x, y) {
  let pen = "M";
  let d = "";
  values.forEach((value, index) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const lone = pen === "M" && (values[index + 1] ?? null) === null;
    d += `${pen}${x(index).toFixed(1)} ${y(value).toFixed(1)}${lone ? "h1" : ""}`;
    pen = "L";
  });
  return d;
}
