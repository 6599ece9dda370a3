// Two pictures of one photograph over each other: a slider uncovers, a tap or the key f flickers.
(() => {
  const stages = [];

  function choose(label, shots, at, show) {
    const options = shots.map((shot, k) => make("option", { value: String(k) }, shot.dataset.name));
    const select = make("select", {}, ...options);
    select.selectedIndex = at;
    select.addEventListener("change", show);
    return [make("label", {}, label, select), select];
  }

  function build(viewer) {
    const shots = [...viewer.querySelectorAll(".shot")];
    if (shots.length < 2) return;
    const title = viewer.dataset.title;
    const under = make("img", { class: "under", alt: "" });
    const over = make("img", { class: "over", alt: "" });
    const cut = make("div", { class: "cut" }, under, over, make("span", { class: "edge" }));
    const slider = make("input", { type: "range", min: "0", max: "100", step: "any", value: "50" });
    slider.setAttribute("aria-label", `${title}: how much of the left picture is seen`);

    function show() {
      for (const [image, select] of [[over, left], [under, right]]) {
        const source = shots[select.selectedIndex].querySelector("img");
        image.src = source.src;
        image.alt = source.alt;
      }
    }
    function move(share) {
      slider.value = String(share);
      cut.style.setProperty("--cut", `${share}%`);
    }
    const flicker = () => move(Number(slider.value) > 50 ? 0 : 100);

    const [leftLabel, left] = choose("left", shots, 0, show);
    const [rightLabel, right] = choose("right", shots, Number(viewer.dataset.right), show);
    const button = make("button", { type: "button" }, "flicker");
    button.addEventListener("click", flicker);
    slider.addEventListener("input", () => move(Number(slider.value)));
    drag(cut, move, flicker);
    show();
    move(50);
    const hint = make("span", {}, "Drag, tap the picture, or press f.");
    const stage = make("div", { class: "stage" },
      make("div", { class: "tools" }, leftLabel, rightLabel), cut,
      make("div", { class: "tools" }, slider, button, hint));
    viewer.prepend(stage);
    stages.push({ stage, flicker });
  }

  // a drag moves the edge, a tap flickers
  function drag(cut, move, tap) {
    let from = null;
    let moved = false;
    const share = (event) => {
      const box = cut.getBoundingClientRect();
      return Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width));
    };
    cut.addEventListener("pointerdown", (event) => {
      [from, moved] = [event.clientX, false];
      cut.setPointerCapture(event.pointerId);
    });
    cut.addEventListener("pointermove", (event) => {
      if (from === null || (!moved && Math.abs(event.clientX - from) < 4)) return;
      moved = true;
      move(share(event));
    });
    cut.addEventListener("pointerup", () => {
      if (from !== null && !moved) tap();
      from = null;
    });
    cut.addEventListener("pointercancel", () => { from = null; });
  }

  document.querySelectorAll(".viewer").forEach(build);
  // the key belongs to the stage that is seen most
  document.addEventListener("keydown", (event) => {
    const typing = event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("select, dialog");
    if (event.key !== "f" || typing) return;
    const seen = ({ stage }) => {
      const box = stage.getBoundingClientRect();
      return Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    };
    const best = stages.reduce((a, b) => (a && seen(a) >= seen(b) ? a : b), null);
    if (best && seen(best) > 0) best.flicker();
  });
})();
