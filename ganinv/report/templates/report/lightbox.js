// A picture alone: a click, or Enter, on any picture opens it; arrows go on, Escape closes.
(() => {
  const groups = ".viewer, .film, .grid, .story, .edits";
  const image = make("img", { alt: "" });
  const room = make("div", { class: "room" }, image);
  const text = make("p", {});
  const button = (label) => make("button", { type: "button" }, label);
  const [before, after, close] = [button("previous"), button("next"), button("close")];
  const bar = make("div", { class: "tools" }, text, before, after, close);
  const dialog = make("dialog", { class: "lightbox", "aria-label": "A picture at full size" }, room, bar);
  let shown = [];
  let at = 0;

  function show(k) {
    at = (k + shown.length) % shown.length;
    const source = shown[at];
    image.src = source.src;
    image.alt = source.alt;
    text.textContent = source.alt;
    image.className = source.naturalWidth < 400 ? "small" : "";
    before.hidden = after.hidden = shown.length < 2;
  }

  for (const source of document.querySelectorAll("main figure img")) {
    const open = make("button", { type: "button", class: "enlarge", title: "enlarge" });
    source.replaceWith(open);
    open.append(source);
    open.addEventListener("click", () => {
      const group = source.closest(groups);
      shown = group ? [...group.querySelectorAll(".enlarge img")] : [source];
      show(shown.indexOf(source));
      dialog.showModal();
    });
  }
  image.addEventListener("click", () => image.classList.toggle("actual"));
  before.addEventListener("click", () => show(at - 1));
  after.addEventListener("click", () => show(at + 1));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
  document.body.append(dialog);
})();
