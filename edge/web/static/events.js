// Events as they come, newest first. The stream begins with the last ones, so a page that comes late sees them too.
import { make } from "./dom.js";

const MOST = 100;
const GOOD = new Set(["read", "put_back", "appeared", "count"]);
const QUIET = new Set(["unobserved"]);
const AGAIN_MS = 5000;

export function listen(list, none) {
  let known = new Set();
  const watch = () => {
    const stream = new EventSource("/api/events");
    stream.addEventListener("message", (message) => {
      const event = JSON.parse(message.data);
      const key = `${event.camera}/${event.seq}/${event.captured_at}`;
      if (known.has(key)) return; // the stream was cut off, and told its last ones anew
      known = new Set([key, ...known].slice(0, 2 * MOST));
      none.hidden = true;
      list.prepend(row(event));
      while (list.children.length > MOST) list.lastChild.remove();
    });
    stream.addEventListener("error", () => {
      // A browser comes back by itself where a stream broke off, not where it was refused: others watched already.
      if (stream.readyState === EventSource.CLOSED) setTimeout(watch, AGAIN_MS);
    });
  };
  watch();
}

function row(event) {
  const tone = GOOD.has(event.kind) ? "good" : QUIET.has(event.kind) ? "dim" : "bad";
  const said = [event.texts.join(", "), event.stock, event.product, event.reason?.replaceAll("_", " ")];
  return make(
    "li",
    {},
    make("time", { datetime: event.captured_at }, new Date(event.captured_at).toLocaleTimeString()),
    make("span", { class: `kind ${tone}` }, event.kind.replaceAll("_", " ")),
    make("span", { class: "said" }, said.filter(Boolean).join(" · ")),
    make(
      "span",
      { class: "where" },
      [event.camera, event.zone].filter(Boolean).join("/") + (event.route ? ` → ${event.route}` : ""),
    ),
  );
}
