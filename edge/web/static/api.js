// How the page asks the box. Every failure becomes one sentence; a session that has ended leads to the login.

export class Refused extends Error {}

export async function ask(path, change = null) {
  const options = change && {
    method: change.method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(change.body ?? {}),
  };
  let answer;
  try {
    answer = await fetch(path, options ?? {});
  } catch {
    throw new Refused("the box does not answer");
  }
  if (answer.status === 401) {
    location.replace("/login");
    await new Promise(() => {}); // the page is about to go
  }
  if (answer.status === 204) return null;
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said.error);
  return said;
}

export const camera = (name, what) => `/api/cameras/${encodeURIComponent(name)}/${what}`;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Wait until somebody can see the page: a hidden one asks for nothing. */
export async function shown() {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}
