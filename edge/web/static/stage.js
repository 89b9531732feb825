// One camera at a time: its picture, and over it what the box knows, what is drawn, or how well it is aimed.
import { ask, camera as cameraPath, pause, shown } from "./api.js";
import { AimPanel } from "./aim.js";
import { Editor } from "./editor.js";
import { byId, facts, make } from "./dom.js";
import { paint } from "./overlay.js";
import { shapesOf } from "./shapes.js";

const WIDTHS = [320, 640, 960, 1280];

export class Stage {
  #camera = null;
  #mode = "watch";
  #picture = byId("picture");
  #overlay = byId("overlay");
  #editor = new Editor(byId("drawing"), byId("frame"));
  #aim = new AimPanel(byId("meters"), byId("codes"));

  constructor() {
    for (const button of byId("modes").children) {
      button.addEventListener("click", () => this.#turnTo(button.dataset.mode));
    }
    new ResizeObserver(() => this.#editor.paint()).observe(byId("frame"));
    this.#run();
  }

  /** Take how the box does now. */
  take(box, startedAnew) {
    this.#showTabs(box.cameras);
    if (this.#camera === null && box.cameras.length > 0) this.#choose(box.cameras[0].name);
    else if (startedAnew) this.#editor.startedAnew();
    this.#editor.classes = box.model.classes;
    const found = box.cameras.find((each) => each.name === this.#camera);
    if (found) this.#showFacts(found);
  }

  #showTabs(cameras) {
    const tabs = byId("cameras");
    if (tabs.children.length !== cameras.length) {
      tabs.replaceChildren(
        ...cameras.map(({ name }) =>
          make("button", { role: "tab", "data-camera": name, onclick: () => this.#choose(name) }, name),
        ),
      );
    }
    cameras.forEach((each, index) => {
      const tab = tabs.children[index];
      tab.className = each.state === "streaming" ? "good" : ["ended", "paused", "starting"].includes(each.state) ? "dim" : "bad";
      tab.setAttribute("aria-selected", String(each.name === this.#camera));
    });
  }

  #showFacts(each) {
    const dropped = Object.entries(each.dropped).filter(([, count]) => count > 0);
    const events = Object.entries(each.events);
    facts(byId("camera-facts"), [
      ["State", each.reason ? `${each.state}: ${each.reason}` : each.state],
      ["Since", new Date(each.since).toLocaleTimeString()],
      ["Speed", each.fps === null ? null : `${each.fps} a second`],
      ["Frames", each.still ? `${each.frames}, ${each.still} of them still` : `${each.frames}`],
      ["Dropped", dropped.length ? dropped.map(([cause, count]) => `${count} ${cause}`).join(", ") : "none"],
      ["Events", events.length ? events.map(([kind, n]) => `${n} ${kind.replaceAll("_", " ")}`).join(", ") : "none"],
    ]);
    const veil = byId("no-picture");
    veil.textContent = each.state === "streaming" ? "waiting for a picture" : `${each.state}${each.reason ? `: ${each.reason}` : ""}`;
  }

  async #choose(name) {
    if (this.#camera === name || !this.#editor.mayLeave()) return;
    this.#camera = name;
    this.#picture.removeAttribute("src");
    this.#overlay.replaceChildren();
    byId("no-picture").hidden = false;
    for (const tab of byId("cameras").children) tab.setAttribute("aria-selected", String(tab.dataset.camera === name));
    await this.#editor.open(name);
  }

  #turnTo(mode) {
    this.#mode = mode;
    for (const button of byId("modes").children) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    for (const each of ["watch", "draw", "aim"]) byId(`${each}-panel`).hidden = each !== mode;
    this.#overlay.replaceChildren();
    this.#editor.active = mode === "draw";
    if (mode === "aim") this.#aim.begin();
  }

  async #run() {
    for (;;) {
      await shown();
      if (this.#camera === null) {
        await pause(200);
        continue;
      }
      try {
        await this.#showOne(this.#camera, this.#mode);
      } catch {
        await pause(1000); // the box is asked once a second how it does, and that says what is wrong
      }
    }
  }

  async #showOne(name, mode) {
    const answer = await ask(cameraPath(name, mode === "aim" ? "aim" : `scene?width=${this.#width()}`));
    if (answer === null) {
      await pause(1000);
      return;
    }
    const scene = mode === "aim" ? answer.scene : answer;
    const source = `data:image/jpeg;base64,${scene.jpeg}`;
    const loaded = new Image();
    loaded.src = source;
    await loaded.decode();
    if (name !== this.#camera || mode !== this.#mode) return;
    this.#picture.src = source;
    byId("frame").style.aspectRatio = `${scene.width} / ${scene.height}`;
    byId("no-picture").hidden = scene.inferred || mode !== "watch";
    if (mode === "aim") this.#aim.show(answer, this.#overlay);
    else if (mode === "watch") paint(this.#overlay, scene, shapesOf(this.#editor.drawing));
    // A picture that nobody inferred is an old one: nothing new comes so soon. To draw, few pictures are enough.
    await pause(!scene.inferred ? 1000 : mode === "draw" ? 400 : mode === "aim" ? 150 : 0);
  }

  /** The narrowest picture that fills the frame. */
  #width() {
    const wanted = byId("frame").clientWidth * Math.min(devicePixelRatio, 2);
    return WIDTHS.find((width) => width >= wanted) ?? WIDTHS.at(-1);
  }
}
