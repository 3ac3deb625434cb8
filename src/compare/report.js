"use strict";
(() => {
  const tree = document.getElementById("tree");
  if (!tree) return;
  const box = document.getElementById("search");
  const kinds = [...document.querySelectorAll("#kinds input")];
  const shown = document.getElementById("shown");
  const opened = new Map();
  const wide = 300;

  const sift = (list, above, text, wanted) => {
    let count = 0;
    for (const item of list.children) {
      let found;
      if (item.className === "f") {
        const folder = item.firstElementChild;
        const name = folder.firstElementChild.firstElementChild.textContent;
        found = sift(folder.lastElementChild, above + name, text, wanted);
      } else {
        found = wanted.has(item.className) ? 1 : 0;
        if (found && text) {
          const [, name, what] = item.firstElementChild.children;
          const path = (above + name.textContent).toLowerCase();
          found = path.includes(text) || (what && what.textContent.toLowerCase().includes(text)) ? 1 : 0;
        }
      }
      item.hidden = found === 0;
      count += found;
    }
    return count;
  };

  const unfold = (open) => {
    for (const folder of tree.querySelectorAll("li.f:not([hidden]) > details")) {
      if (!opened.has(folder)) opened.set(folder, folder.open);
      folder.open = open;
    }
  };

  const apply = () => {
    const text = box.value.trim().toLowerCase();
    const wanted = new Set(kinds.filter((kind) => kind.checked).map((kind) => kind.value));
    const count = sift(tree, "", text, wanted);
    shown.textContent = count.toLocaleString("en") + " shown";
    for (const [folder, open] of opened) folder.open = open;
    opened.clear();
    if (text && count <= wide) unfold(true);
  };

  let waiting = 0;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  for (const kind of kinds) kind.addEventListener("change", apply);
  for (const [name, open] of [["unfold", true], ["fold", false]]) {
    document.getElementById(name).addEventListener("click", () => {
      unfold(open);
      opened.clear();
    });
  }
  document.getElementById("filters").hidden = false;
  apply();
})();
