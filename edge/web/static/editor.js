// Draws lines, shelf zones and masks with mouse, finger or keys, and saves them into box.toml.
import { ask, camera as cameraPath } from "./api.js";
import { byId, draw } from "./dom.js";
import { shapeRow } from "./shape_row.js";
import { drawingOf, rectangle, shapeElements, shapesOf } from "./shapes.js";

const HINTS = {
  line: "Draw from where the line starts to where it ends. Arrows show which way counts.",
  shelf: "Draw over the part of the shelf. Pull the small dots on its sides to give it more corners.",
  mask: "Draw over what nobody may see. It is blackened before anything is stored, shown or inferred.",
  null: "Choose what to draw, or pull at what is there.",
};
const LEAST = 0.01; // shares of the picture: less was a slip
const NUDGE = 0.005;

const clamp = (value) => Math.min(1, Math.max(0, value));
const rounded = ([x, y]) => [Math.round(x * 1e4) / 1e4, Math.round(y * 1e4) / 1e4];

export class Editor {
  classes = [];
  drawing = null;
  #svg;
  #frame;
  #camera = null;
  #shapes = [];
  #selected = -1;
  #tool = null;
  #pull = null;
  #changed = false;
  #active = false;

  constructor(svg, frame) {
    this.#svg = svg;
    this.#frame = frame;
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => this.#take(this.#tool === button.dataset.tool ? null : button.dataset.tool));
    }
    svg.addEventListener("pointerdown", (event) => this.#down(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    svg.addEventListener("pointerup", () => this.#up());
    svg.addEventListener("pointercancel", () => this.#up());
    svg.addEventListener("keydown", (event) => this.#key(event));
    byId("save").addEventListener("click", () => this.#save());
    byId("discard").addEventListener("click", () => this.open(this.#camera));
    byId("restart").addEventListener("click", () => this.#restart());
    window.addEventListener("beforeunload", (event) => {
      if (this.#changed) event.preventDefault();
    });
    this.#take(null);
  }

  get active() {
    return this.#active;
  }

  set active(active) {
    this.#active = active;
    this.#frame.classList.toggle("drawing", active);
    this.#take(null);
    this.paint();
  }

  mayLeave() {
    return !this.#changed || confirm("Leave without saving what you drew?");
  }

  /** Load what box.toml has drawn on a camera's picture. */
  async open(name) {
    this.#camera = name;
    this.#load(await ask(cameraPath(name, "drawing")));
  }

  /** The box runs anew: what was saved may be in force now. */
  startedAnew() {
    if (!this.#changed) this.open(this.#camera);
  }

  paint() {
    const { clientWidth: width, clientHeight: height } = this.#svg;
    if (!this.#active) {
      this.#svg.replaceChildren();
      return;
    }
    const shown = this.#shapes.flatMap((shape, index) => {
      const elements = shapeElements(shape, width, height, index === this.#selected);
      for (const element of elements) element.dataset.shape = index;
      return elements;
    });
    const chosen = this.#shapes[this.#selected];
    this.#svg.replaceChildren(...shown, ...(chosen ? this.#handles(chosen, width, height) : []));
  }

  #load(drawing) {
    this.drawing = drawing;
    this.#shapes = shapesOf(structuredClone(drawing));
    this.#selected = -1;
    this.#changed = false;
    this.#say(drawing.locked ? `Nothing can be saved: ${drawing.locked}` : drawing.in_force ? "" : this.#notInForce());
    this.#refresh();
  }

  #notInForce() {
    return "Saved in box.toml, and not in force yet: the box works by it from its next start, and a new mask hides nothing until then. A restart takes some seconds, in which the cameras see nothing; that is told as unobserved.";
  }

  #handles(shape, width, height) {
    const corners = shape.points.map(([x, y], index) =>
      draw("circle", { class: "handle", cx: x * width, cy: y * height, r: 8, "data-corner": index }),
    );
    if (shape.kind === "line") return corners;
    const middles = shape.points.map(([x, y], index) => {
      const [x2, y2] = shape.points[(index + 1) % shape.points.length];
      return draw("circle", { class: "middle", cx: ((x + x2) / 2) * width, cy: ((y + y2) / 2) * height, r: 5, "data-middle": index });
    });
    return [...middles, ...corners];
  }

  #take(tool) {
    this.#tool = tool;
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
    byId("draw-hint").textContent = HINTS[tool];
    this.#svg.classList.toggle("armed", tool !== null);
  }

  #at(event) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return [clamp((event.clientX - left) / width), clamp((event.clientY - top) / height)];
  }

  #down(event) {
    if (event.button !== 0 || this.#pull) return;
    event.preventDefault();
    this.#svg.focus({ preventScroll: true });
    this.#svg.setPointerCapture(event.pointerId);
    const from = this.#at(event);
    const { corner, middle, shape } = event.target.dataset;
    if (this.#tool !== null) {
      this.#begin(from);
    } else if (corner !== undefined) {
      this.#pull = { corner: Number(corner) };
    } else if (middle !== undefined) {
      this.#shapes[this.#selected].points.splice(Number(middle) + 1, 0, from);
      this.#pull = { corner: Number(middle) + 1 };
    } else {
      this.#selected = shape === undefined ? -1 : Number(shape);
      this.#pull = shape === undefined ? null : { from, points: this.#shapes[this.#selected].points };
      this.#refresh();
    }
  }

  #begin(from) {
    const kind = this.#tool;
    const zone = kind === "line" ? { direction: "both" } : {};
    this.#shapes.push({ kind, name: this.#freeName(kind), points: kind === "line" ? [from, from] : rectangle(from, from), zone });
    this.#selected = this.#shapes.length - 1;
    this.#pull = { born: from };
  }

  #move(event) {
    const shape = this.#shapes[this.#selected];
    if (!this.#pull || !shape) return;
    const at = this.#at(event);
    const { born, corner, from, points } = this.#pull;
    if (born) shape.points = shape.kind === "line" ? [born, at] : rectangle(born, at);
    else if (corner !== undefined) shape.points = shape.points.map((point, index) => (index === corner ? at : point));
    else shape.points = shifted(points, at[0] - from[0], at[1] - from[1]);
    this.#pull.moved = true;
    this.paint();
  }

  #up() {
    if (!this.#pull) return;
    const { born, moved } = this.#pull;
    this.#pull = null;
    const shape = this.#shapes[this.#selected];
    const [first, second] = [shape.points[0], shape.points[shape.kind === "line" ? 1 : 2]];
    const spans = [Math.abs(first[0] - second[0]), Math.abs(first[1] - second[1])];
    if (born && (shape.kind === "line" ? Math.max(...spans) : Math.min(...spans)) < LEAST) {
      this.#shapes.pop();
      this.#selected = -1;
    } else if (born || moved) {
      shape.points = shape.points.map(rounded);
      this.#touch();
      this.#take(null);
    }
    this.#refresh();
  }

  #key(event) {
    const shape = this.#shapes[this.#selected];
    const steps = { ArrowLeft: [-NUDGE, 0], ArrowRight: [NUDGE, 0], ArrowUp: [0, -NUDGE], ArrowDown: [0, NUDGE] };
    if (event.key === "Escape") {
      this.#selected = -1;
      this.#take(null);
    } else if (shape && (event.key === "Delete" || event.key === "Backspace")) {
      this.#remove(this.#selected);
    } else if (shape && steps[event.key]) {
      shape.points = shifted(shape.points, ...steps[event.key]).map(rounded);
      this.#touch();
    } else {
      return;
    }
    event.preventDefault();
    this.#refresh();
  }

  #freeName(kind) {
    const taken = new Set(this.#shapes.map((shape) => shape.name));
    for (let number = 1; ; number += 1) {
      const name = kind === "mask" ? `mask ${number}` : `${kind}-${number}`;
      if (!taken.has(name)) return name;
    }
  }

  #remove(index) {
    this.#shapes.splice(index, 1);
    this.#selected = -1;
    this.#touch();
    this.#refresh();
  }

  #touch() {
    this.#changed = true;
    this.#say("");
  }

  #say(text, bad = false) {
    const status = byId("draw-status");
    status.textContent = text;
    status.className = bad ? "bad" : "quiet";
  }

  #refresh() {
    this.paint();
    byId("shapes").replaceChildren(...this.#shapes.map((shape, index) => this.#row(shape, index)));
    this.#buttons();
  }

  #row(shape, index) {
    return shapeRow(shape, {
      selected: index === this.#selected,
      classes: this.classes,
      changed: () => {
        this.#touch();
        this.paint();
        this.#buttons();
      },
      select: () => this.#select(index),
      remove: () => this.#remove(index),
    });
  }

  /** Select a shape without making the rows anew: one of them is being written in. */
  #select(index) {
    if (this.#selected === index) return;
    this.#selected = index;
    this.paint();
    for (const [at, row] of [...byId("shapes").children].entries()) row.classList.toggle("selected", at === index);
  }

  #buttons() {
    byId("save").disabled = !this.#changed || this.drawing?.locked !== null;
    byId("discard").disabled = !this.#changed;
    byId("restart").hidden = this.#changed || !this.drawing || this.drawing.in_force || this.drawing.locked !== null;
  }

  async #save() {
    this.#say("saving");
    try {
      const body = { revision: this.drawing.revision, ...drawingOf(this.#shapes) };
      this.#load(await ask(cameraPath(this.#camera, "drawing"), { method: "PUT", body }));
    } catch (failure) {
      this.#say(failure.message, true);
    }
  }

  async #restart() {
    if (!confirm("Restart the box now? Its cameras see nothing for some seconds; that is told as unobserved.")) return;
    try {
      await ask("/api/restart", { method: "POST" });
      this.#say("The box starts anew.");
      byId("restart").hidden = true;
    } catch (failure) {
      this.#say(failure.message, true);
    }
  }
}

/** Move points together, as far as the picture's edge lets them. */
function shifted(points, dx, dy) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const mx = Math.min(1 - Math.max(...xs), Math.max(-Math.min(...xs), dx));
  const my = Math.min(1 - Math.max(...ys), Math.max(-Math.min(...ys), dy));
  return points.map(([x, y]) => [x + mx, y + my]);
}
