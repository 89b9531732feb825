// Shows the token to the box; the session that comes back is a cookie that no script can read.
const form = document.getElementById("login");
const refused = document.getElementById("refused");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.hidden = true;
  try {
    const answer = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: document.getElementById("token").value }),
    });
    if (answer.ok) {
      location.replace("/");
      return;
    }
    refused.textContent = (await answer.json()).error;
  } catch {
    refused.textContent = "the box does not answer";
  }
  refused.hidden = false;
});
