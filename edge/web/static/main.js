// The page as a whole: asks once a second how the box does, and hands that to those who show it.
import { ask, pause, shown } from "./api.js";
import { byId, facts, make } from "./dom.js";
import { listen } from "./events.js";
import { plotLatency } from "./plot.js";
import { Stage } from "./stage.js";

const stage = new Stage();
let run = null;

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  if (hours >= 1) return `${hours} h ${minutes % 60} min`;
  return minutes >= 1 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

function showBox(box) {
  document.title = `${box.box} · ${box.site} · edgekit`;
  byId("box-name").textContent = box.box;
  byId("site-name").textContent = box.site;
  byId("uptime").textContent = `up ${duration(box.uptime_s)}`;
  byId("log-out").hidden = !box.asks_for_token;
  const health = byId("health");
  health.className = box.ok ? "pill good" : "pill bad";
  health.textContent = box.ok ? "all well" : box.reasons.join("; ");
  facts(byId("box-facts"), [
    ["Broker", `${box.broker}, ${box.connected ? "connected" : "away"}`],
    ["Outbox", outbox(box.outbox)],
    ...Object.entries(box.outbox.unacknowledged).map(([name, count]) => [`Owed by ${name}`, `${count} events`]),
    ["Model", `${box.model.name} ${box.model.version}`],
    ["Precision", `${box.model.precision.toUpperCase()} on ${box.model.device}, ${box.model.backend}`],
    ["Digest", make("code", {}, box.model.digest.slice(0, 16))],
    ["Versions", Object.entries(box.versions).map(([name, version]) => `${name} ${version.split("-")[0]}`).join(", ")],
  ]);
}

function outbox(box) {
  const discarded = box.discarded ? `, ${box.discarded} discarded` : "";
  return make(
    "span",
    {},
    `${box.depth} waiting of ${box.most}${discarded} `,
    make("meter", { min: 0, max: box.most, high: box.most / 2, optimum: 0, value: box.depth }),
  );
}

async function watchBox() {
  const notice = byId("notice");
  for (;;) {
    await shown();
    try {
      const box = await ask("/api/box");
      notice.hidden = true;
      showBox(box);
      plotLatency(byId("latency"), byId("latency-now"), box.latency);
      stage.take(box, run !== null && run !== box.run_id);
      run = box.run_id;
    } catch (failure) {
      notice.textContent = `${failure.message}; trying again`;
      notice.hidden = false;
    }
    await pause(1000);
  }
}

byId("log-out").addEventListener("click", async () => {
  await ask("/logout", { method: "POST" });
  location.replace("/login");
});

listen(byId("events"), byId("no-events"));
watchBox();
