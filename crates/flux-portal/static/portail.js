// What makes the forms a little nicer. Every page works without it.
"use strict";
for (const form of document.querySelectorAll("form.filtres")) {
  for (const suffix of ["", "_a", "_b"]) {
    const year = form.elements["annee" + suffix];
    const period = form.elements["periode" + suffix];
    const dates = ["debut", "fin"].map((name) => form.elements[name + suffix]);
    if (!year || !period) continue;
    // Periods that the chosen year does not have cannot be chosen.
    const offer = () => {
      for (const option of period.options) {
        const years = (option.dataset.annees || "").split(" ");
        option.disabled = years[0] !== "" && !years.includes(year.value);
      }
      if (period.selectedOptions[0] && period.selectedOptions[0].disabled) period.value = "annee_complete";
    };
    year.addEventListener("change", () => { offer(); for (const date of dates) date.value = ""; period.value ||= "annee_complete"; });
    // Dates win over a period: whoever chooses a period wants no dates any more.
    period.addEventListener("change", () => { for (const date of dates) date.value = ""; });
    offer();
  }
}
const poster = document.querySelector(".affiche");
if (poster && !document.body.classList.contains("nu")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "discret";
  button.textContent = "Imprimer";
  button.addEventListener("click", () => window.print());
  const files = document.querySelector(".fichiers");
  if (files) files.append(" ", button);
}
