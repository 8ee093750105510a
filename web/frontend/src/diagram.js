// Shows where a case stands on its BPMN diagram:
//
//   <div class="diagram" data-xml-url="…" data-marks='{"Task_1": "done"}' aria-label="…"></div>
//
// A mark is "done", "active", "cancelled" or "incident". Each has an outline, a symbol and a word,
// so that nothing is told by colour alone. What the element held before (a sentence for browsers
// without JavaScript) goes when the diagram is there and stays when it cannot be drawn.
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";
import "./diagram.css";

const CJK_FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';
const SYMBOLS = { done: "✓", active: "▶", cancelled: "✕", incident: "!" };
const WORDS = {
  zh: {
    done: "已完成",
    active: "办理中",
    cancelled: "已取消",
    incident: "故障",
    whole: "全图",
    current: "当前环节",
    larger: "放大",
    smaller: "缩小",
    failed: "流程图未能显示，请刷新页面；仍不行时请告知管理员。",
  },
  en: {
    done: "Done",
    active: "Active",
    cancelled: "Cancelled",
    incident: "Incident",
    whole: "Whole diagram",
    current: "Current step",
    larger: "Zoom in",
    smaller: "Zoom out",
    failed: "The diagram could not be shown. Reload the page, or tell the administrator.",
  },
};
const words = document.documentElement.lang.startsWith("en") ? WORDS.en : WORDS.zh;

// Labels are 12 px at scale 1. A diagram that must be shown smaller than the first opens at its
// current step, at the second.
const SMALLEST_WHOLE = 0.5;
const LEGIBLE = 0.8;

function element(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function addMarks(viewer, marks) {
  const canvas = viewer.get("canvas");
  const overlays = viewer.get("overlays");
  const registry = viewer.get("elementRegistry");
  for (const [id, mark] of Object.entries(marks)) {
    const shape = registry.get(id);
    if (!shape || !(mark in SYMBOLS)) continue;
    canvas.addMarker(id, `mark-${mark}`);
    if (shape.waypoints) continue;
    const symbol = element("span", `mark mark-${mark}`, SYMBOLS[mark]);
    const label = [shape.businessObject.name, words[mark]].filter(Boolean).join(words === WORDS.en ? ": " : "：");
    symbol.setAttribute("role", "img");
    symbol.setAttribute("aria-label", label);
    symbol.title = label;
    symbol.tabIndex = 0;
    // Outside the corner: inside it is the sign of the task's type.
    overlays.add(id, "mark", { position: { top: -15, left: -15 }, html: symbol });
  }
}

function activeShapes(viewer, marks) {
  const registry = viewer.get("elementRegistry");
  return Object.keys(marks)
    .filter((id) => marks[id] === "active" || marks[id] === "incident")
    .map((id) => registry.get(id))
    .filter(Boolean);
}

function showWhole(viewer) {
  const canvas = viewer.get("canvas");
  canvas.zoom(canvas.zoom("fit-viewport", "auto") * 0.97, "auto");
}

function showCurrent(viewer, shape) {
  const canvas = viewer.get("canvas");
  canvas.zoom(Math.max(canvas.zoom(), LEGIBLE));
  canvas.scrollToElement(shape, 60);
}

function toolbar(viewer, current) {
  const bar = element("div", "diagram-tools", "");
  const add = (text, act) => {
    const button = element("button", "diagram-tool", text);
    button.type = "button";
    button.addEventListener("click", act);
    bar.append(button);
  };
  add(words.whole, () => showWhole(viewer));
  if (current) add(words.current, () => showCurrent(viewer, current));
  add(words.larger, () => viewer.get("zoomScroll").stepZoom(1));
  add(words.smaller, () => viewer.get("zoomScroll").stepZoom(-1));
  return bar;
}

function legend(marks) {
  const used = new Set(Object.values(marks));
  const list = element("ul", "diagram-legend", "");
  for (const mark of Object.keys(SYMBOLS).filter((name) => used.has(name))) {
    const item = element("li", "", "");
    const symbol = element("span", `mark mark-${mark}`, SYMBOLS[mark]);
    symbol.setAttribute("aria-hidden", "true");
    item.append(symbol, words[mark]);
    list.append(item);
  }
  return list;
}

// Paper is narrower than the window: the diagram is fitted to it while it is printed.
function fitWhenPrinted(viewer, paper) {
  const fit = (width) => {
    paper.style.width = width;
    viewer.get("canvas").resized();
    showWhole(viewer);
  };
  window.addEventListener("beforeprint", () => fit("680px"));
  window.addEventListener("afterprint", () => fit(""));
}

async function fetchXml(url) {
  const response = await fetch(url, { headers: { Accept: "application/xml" } });
  if (!response.ok) throw new Error(`expected the diagram at ${url}, found ${response.status}`);
  return response.text();
}

async function draw(host) {
  const marks = JSON.parse(host.dataset.marks || "{}");
  const xml = await fetchXml(host.dataset.xmlUrl);
  const before = [...host.childNodes];
  const paper = element("div", "diagram-paper", "");
  host.append(paper);
  const viewer = new NavigatedViewer({
    container: paper,
    // The wheel scrolls the page; dragging, arrow keys and the buttons move the diagram.
    zoomScroll: { enabled: false },
    textRenderer: {
      defaultStyle: { fontFamily: CJK_FONT },
      externalStyle: { fontFamily: CJK_FONT },
    },
  });
  try {
    await viewer.importXML(xml);
  } catch (error) {
    viewer.destroy();
    paper.remove();
    throw error;
  }
  before.forEach((node) => node.remove());
  paper.querySelector("svg").setAttribute("aria-label", host.getAttribute("aria-label") ?? "");
  addMarks(viewer, marks);
  const [current] = activeShapes(viewer, marks);
  host.prepend(toolbar(viewer, current));
  host.append(legend(marks));
  showWhole(viewer);
  if (current && viewer.get("canvas").zoom() < SMALLEST_WHOLE) showCurrent(viewer, current);
  fitWhenPrinted(viewer, paper);
  host.dataset.drawn = "true";
}

for (const host of document.querySelectorAll(".diagram[data-xml-url]")) {
  draw(host).catch((error) => {
    console.error(error);
    host.append(element("p", "diagram-failed", words.failed));
  });
}
