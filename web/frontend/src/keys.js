// One key for what is done a hundred times a day in a list:
//   j k  move     Enter  open     c  claim     u  release     /  search     ?  these keys
const rows = [...document.querySelectorAll("table.queue tbody tr")].filter((row) =>
  row.querySelector(".row-link"),
);
const WORDS = {
  zh: { j: "下一行", k: "上一行", Enter: "打开", c: "领取", u: "放回", "/": "查找", "?": "按键说明" },
  en: {
    j: "next row",
    k: "row before",
    Enter: "open",
    c: "claim",
    u: "release",
    "/": "search",
    "?": "these keys",
  },
};
let at = -1;

function move(step) {
  if (!rows.length) return;
  rows[at]?.removeAttribute("aria-current");
  at = Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[at].setAttribute("aria-current", "true");
  rows[at].querySelector(".row-link").focus();
}

// In a list only the marked row is meant; on a task's page its one form.
function submit(ending) {
  const scope = rows.length ? rows[at] : document;
  scope?.querySelector(`form[action$="${ending}"]`)?.requestSubmit();
}

function search() {
  const box = document.querySelector('input[type="search"]');
  box?.focus();
  box?.select();
}

function showKeys() {
  let box = document.querySelector("dialog.keys");
  if (!box) {
    const words = document.documentElement.lang.startsWith("en") ? WORDS.en : WORDS.zh;
    box = document.createElement("dialog");
    box.className = "keys";
    const list = document.createElement("dl");
    list.className = "facts";
    for (const [key, meaning] of Object.entries(words)) {
      const name = document.createElement("dt");
      name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
      list.append(name, Object.assign(document.createElement("dd"), { textContent: meaning }));
    }
    box.append(list);
    document.body.append(box);
  }
  if (box.open) box.close();
  else box.showModal();
}

const ACTS = {
  j: () => move(1),
  k: () => move(-1),
  c: () => submit("/claim"),
  u: () => submit("/release"),
  "/": search,
  "?": showKeys,
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, .diagram");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (!Object.hasOwn(ACTS, event.key)) return;
  event.preventDefault();
  ACTS[event.key]();
});
