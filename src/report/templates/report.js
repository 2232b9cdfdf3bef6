"use strict";
(() => {
  const slider = document.getElementById("swipe"), svg = document.getElementById("scene");
  if (slider && svg) {
    const clip = document.getElementById("swipe-clip"), line = document.getElementById("swipe-line");
    const width = svg.viewBox.baseVal.width, frame = svg.parentElement;
    // The slider goes over what the frame shows: a long picture is scrolled below it.
    const move = () => {
      const seen = frame.scrollLeft + frame.clientWidth * slider.value / 100;
      const x = Math.min(width, width * seen / svg.getBoundingClientRect().width);
      clip.setAttribute("width", x);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      slider.setAttribute("aria-valuetext", slider.value + " % before, the rest after");
    };
    const drag = (event) => {
      const box = frame.getBoundingClientRect();
      slider.value = Math.min(100, Math.max(0, (event.clientX - box.left) / box.width * 100));
      move();
    };
    slider.addEventListener("input", move);
    frame.addEventListener("scroll", move);
    window.addEventListener("resize", move);
    svg.addEventListener("pointerdown", (event) => { if (!event.target.closest("a")) { svg.setPointerCapture(event.pointerId); drag(event); } });
    svg.addEventListener("pointermove", (event) => { if (event.buttons === 1) drag(event); });
    move();
  }
  const table = document.getElementById("detections");
  if (table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
        const rows = [...table.tBodies[0].rows].sort((a, b) => {
          const [p, q] = [key(a), key(b)];
          // What has no value comes last either way.
          if (p === "" || q === "") return (p === "") - (q === "");
          const order = !isNaN(p) && !isNaN(q) ? p - q : p.localeCompare(q);
          return up ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
  document.querySelectorAll(".copy").forEach((button) => button.addEventListener("click", async () => {
    const text = button.dataset.text;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  }));
})();
