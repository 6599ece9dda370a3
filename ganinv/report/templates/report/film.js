// A film: the pictures of a search, or of a training, in one place, moved by a slider or by itself.
(() => {
  const PACE = 600; // milliseconds for a picture

  function build(film) {
    const frames = [...film.querySelectorAll(".frames figure")];
    if (frames.length < 2) return;
    const picture = make("img", { alt: "" });
    const text = make("span", {});
    const slider = make("input", { type: "range", min: "0", max: String(frames.length - 1), step: "1" });
    slider.setAttribute("aria-label", `${film.dataset.title}: pictures in their order`);
    const button = make("button", { type: "button" }, "play");
    let timer = null;

    function show(k) {
      const frame = frames[k];
      picture.src = frame.querySelector("img").src;
      picture.alt = frame.querySelector("img").alt;
      text.textContent = frame.querySelector("figcaption").textContent;
      slider.value = String(k);
      slider.setAttribute("aria-valuetext", text.textContent);
    }
    function stop() {
      clearInterval(timer);
      timer = null;
      button.textContent = "play";
    }
    function play() {
      button.textContent = "stop";
      show(0);
      timer = setInterval(() => {
        show(Number(slider.value) + 1);
        if (Number(slider.value) === frames.length - 1) stop();
      }, PACE);
    }
    button.addEventListener("click", () => (timer === null ? play() : stop()));
    slider.addEventListener("input", () => {
      stop();
      show(Number(slider.value));
    });
    show(frames.length - 1);
    film.prepend(make("div", { class: "player" }, picture,
      make("div", { class: "tools" }, button, slider, text)));
  }

  document.querySelectorAll(".film").forEach(build);
})();
