// The page of a report: its documents, and its results as files.

const data = JSON.parse(document.getElementById("data").textContent);
document.title = data.title;
new Documents(data, document.getElementById("content"), document.getElementById("contents"), 1);
chooseThemes(document.getElementById("theme"));

/** The results themselves, as a file. */
function downloads() {
  const places = document.getElementById("downloads");
  const save = (i) => saveFile(data.files[i].name, document.getElementById(`results-${i}`).textContent.trim());
  if (data.files.length === 1) {
    const button = element("button", { type: "button" }, "Download JSON");
    button.addEventListener("click", () => save(0));
    places.append(button);
  } else if (data.files.length) {
    const choice = element("select", { "aria-label": "Download the JSON of a file" }, element("option", { value: "" }, "Download JSON"),
      ...data.files.map((file, i) => element("option", { value: i }, file.name)));
    choice.addEventListener("change", () => {
      if (choice.value) save(Number(choice.value));
      choice.value = "";
    });
    places.append(choice);
  }
}
downloads();
