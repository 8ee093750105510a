// Asks before what was typed is lost, by releasing the task too, and:
// Shows and hides what follows from a choice at once. Without JavaScript a button beneath the
// choice does it; either way the server says what the form shows, and what was typed stays.
const fields = document.querySelector("form .form-fields[data-controls]");
const controls = new Set((fields?.dataset.controls ?? "").split(" ").filter(Boolean));

async function shownNow(form) {
  const sent = new URLSearchParams(new FormData(form));
  sent.set("_act", "update");
  const response = await fetch(form.action, { method: "POST", body: sent });
  if (!response.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.querySelector(".form-fields[data-controls]");
}

// Blocks that stay are not touched: somebody may be typing in one.
function reconcile(wanted) {
  const here = new Map([...fields.children].map((block) => [block.dataset.key, block]));
  const keys = new Set([...wanted.children].map((block) => block.dataset.key));
  for (const [key, block] of here) if (!keys.has(key)) block.remove();
  let before = null;
  for (const block of [...wanted.children]) {
    const kept = here.get(block.dataset.key);
    if (kept) before = kept;
    else {
      if (before) before.after(block);
      else fields.prepend(block);
      before = block;
    }
  }
  hideButtons();
}

function hideButtons() {
  for (const button of fields.querySelectorAll(".update")) button.hidden = true;
}

if (controls.size) {
  let latest = 0;
  hideButtons();
  fields.addEventListener("change", async (event) => {
    if (!controls.has(event.target.name)) return;
    const mine = ++latest;
    const wanted = await shownNow(fields.closest("form")).catch(() => null);
    if (wanted && mine === latest) reconcile(wanted);
  });
}

// "Release" has a form of its own: to the typed text it is leaving.
const typedIn = fields?.closest("form");
let typed = false;
typedIn?.addEventListener("input", () => (typed = true));
typedIn?.addEventListener("submit", () => (typed = false));
window.addEventListener("beforeunload", (event) => {
  if (typed) event.preventDefault();
});
