// The aiming view: pixels a module, focus and glare of what is held before the camera, by the measures of no-reads.
import { draw, make } from "./dom.js";

const MIDDLE = 0.3; // side of the piece in the middle that is measured, as a share

export class AimPanel {
  #meters;
  #codes;
  #sharpest = 0;

  constructor(meters, codes) {
    this.#meters = meters;
    this.#codes = codes;
  }

  /** Forget the best focus so far. */
  begin() {
    this.#sharpest = 0;
  }

  show(aim, overlay) {
    this.#sharpest = Math.max(this.#sharpest, aim.sharpness);
    const smallest = aim.codes.length ? Math.min(...aim.codes.map((code) => code.module_px)) : null;
    const focus = Math.max(4 * aim.least_sharpness, this.#sharpest);
    this.#meters.replaceChildren(
      meter("Pixels a module", smallest, 6, aim.least_module_px, smallest === null ? "no code seen" : smallest.toFixed(1)),
      meter("Focus", aim.sharpness, focus, aim.least_sharpness, `${aim.sharpness.toFixed(2)}, best ${this.#sharpest.toFixed(2)}`),
      meter("Glare", aim.glare, 1, aim.most_glare, `${(100 * aim.glare).toFixed(1)} %`, true),
    );
    this.#codes.replaceChildren(...aim.codes.map(row));
    paintAim(overlay, aim);
  }
}

function meter(name, value, most, limit, text, lessIsBetter = false) {
  const good = value !== null && (lessIsBetter ? value <= limit : value >= limit);
  const bar = draw(
    "svg",
    { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("rect", { class: "track", width: 100, height: 8, rx: 1.5 }),
    draw("rect", { class: good ? "level good" : "level bad", width: (100 * Math.min(value ?? 0, most)) / most, height: 8, rx: 1.5 }),
    draw("rect", { class: "limit", x: (100 * limit) / most, width: 0.6, height: 8 }),
  );
  return make("div", { class: "meter" }, make("span", {}, name), make("output", {}, text), bar);
}

function row(code) {
  return make(
    "li",
    { class: code.advice ? "bad" : "good" },
    make("code", {}, code.text),
    make("span", { class: "quiet" }, `${code.symbology}, ${code.module_px.toFixed(1)} px a module, focus ${code.sharpness.toFixed(2)}`),
    make("span", {}, code.advice ?? "good to read"),
  );
}

function paintAim(svg, aim) {
  const { clientWidth: width, clientHeight: height } = svg;
  const middle = draw("rect", {
    class: "middle-frame",
    x: ((1 - MIDDLE) / 2) * width,
    y: ((1 - MIDDLE) / 2) * height,
    width: MIDDLE * width,
    height: MIDDLE * height,
  });
  const codes = aim.codes.map((code) =>
    draw("polygon", {
      class: `aimed ${code.advice ? "bad" : "good"}`,
      points: code.corners.map(([x, y]) => `${x * width},${y * height}`).join(" "),
    }),
  );
  svg.replaceChildren(middle, ...codes);
}
