// A table that scrolls sideways can be reached and scrolled by keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (wide.scrollWidth > wide.clientWidth) {
      wide.tabIndex = 0;
      wide.setAttribute("role", "region");
      wide.setAttribute("aria-label", "Table, scrolls sideways");
    }
  }
});
