// Keys go to the terminal without a click into it; once the console has ended, enter opens it again.
new MutationObserver(() => {
  const ended = document.body.classList.contains("-closed");
  document.querySelector(ended ? "#ended a" : ".xterm-helper-textarea").focus();
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });
