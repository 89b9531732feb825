// The audit: one crop after the other, and what a person says of it. Keys: r right, w wrong, u unsure, for the first.
import { ask, pause, shown } from "./api.js";
import { byId, facts, make } from "./dom.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const told = (share) =>
  share && `${percent(share.value)} (${percent(share.low)} to ${percent(share.high)}, ${share.right} of ${share.of})`;

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

async function answer(id, verdict, correct) {
  byId("cases").querySelector(`[data-id="${id}"]`)?.remove(); // a second key press is for the next one
  try {
    await ask(`/api/audit/${encodeURIComponent(id)}`, { method: "POST", body: { verdict, correct } });
    notice("");
  } catch (failure) {
    notice(failure.message);
  }
  await show();
}

function row(item) {
  const field = make("input", { type: "text", maxlength: 200, "aria-label": "What it is, if it was told wrongly" });
  const key = item.tags.some(([name]) => name === "product") ? "product" : "code";
  const say = (verdict) => () => answer(item.id, verdict, verdict === "wrong" && field.value ? { [key]: field.value } : {});
  const said = item.kind === "no_read" ? `nothing to read (${item.reason})` : item.kind.replace("_", " ");
  return make(
    "li",
    { "data-id": item.id },
    make("img", { src: `/api/audit/${encodeURIComponent(item.id)}/picture`, alt: "What the event was decided on" }),
    make(
      "div",
      {},
      make("p", {}, `${item.camera}${item.zone ? ` / ${item.zone}` : ""}: ${said}`),
      make("ul", {}, ...item.tags.map(([name, value, source]) => make("li", {}, `${name} ${value} (${source})`))),
      item.product ? make("p", {}, `product ${item.product}`) : null,
      field,
      make(
        "div",
        { class: "actions" },
        make("button", { class: "main", "data-verdict": "right", onclick: say("right") }, "Right"),
        make("button", { "data-verdict": "wrong", onclick: say("wrong") }, "Wrong"),
        make("button", { "data-verdict": "unsure", onclick: say("unsure") }, "Cannot tell"),
      ),
    ),
  );
}

async function show() {
  const audit = await ask("/api/audit");
  byId("count").textContent = audit.waiting.length;
  byId("none").hidden = audit.waiting.length > 0;
  const known = new Map([...byId("cases").children].map((each) => [each.dataset.id, each]));
  byId("cases").replaceChildren(...audit.waiting.map((item) => known.get(item.id) ?? row(item)));
  facts(byId("figures"), [
    ...Object.entries(audit.precision).map(([camera, share]) => [`${camera}: told right`, told(share)]),
    ...Object.entries(audit.read_accuracy).map(([camera, share]) => [`${camera}: of what can be read`, told(share)]),
  ]);
}

document.addEventListener("keydown", (event) => {
  const verdict = { r: "right", w: "wrong", u: "unsure" }[event.key];
  if (!verdict || event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  byId("cases").querySelector(`[data-verdict=${verdict}]`)?.click();
});

for (;;) {
  await shown();
  try {
    await show();
  } catch (failure) {
    notice(failure.message);
  }
  await pause(3000);
}
