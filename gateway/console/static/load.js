"use strict";
// Sends a file that was dropped or chosen, as it is, shows how far that is, and goes on to the page of its check.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("upload");
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [drop, status, sending, refusal] = ["drop", "status", "sending", "refusal"].map(find);
  const input = document.getElementById("file"), bar = sending.querySelector("progress");
  find("zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

  const refuse = (text) => {
    sending.hidden = true;
    input.value = "";
    const note = document.createElement("p");
    note.className = "note bad";
    note.textContent = text;
    refusal.replaceChildren(note);
  };
  const answered = (request) => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* not ours */ }
    if (request.status === 201) location.assign(form.dataset.next + encodeURIComponent(answer.id));
    else refuse(answer.detail || `The file was not taken (${request.status || "no answer"}).`);
  };
  const send = (file) => {
    refusal.replaceChildren();
    const asked = new URLSearchParams({filename: file.name.slice(-200)});
    const kind = document.getElementById("kind").value, zone = find("zone").value.trim();
    if (kind) asked.set("kind", kind);
    if (zone) asked.set("timezone", zone);
    const request = new XMLHttpRequest();
    request.open("POST", `${form.dataset.upload}?to=${encodeURIComponent(`/imports?${asked}`)}`);
    request.setRequestHeader("Foretell-Form", form.dataset.token);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      bar.value = event.total ? event.loaded / event.total : 0;
      status.textContent = `Sending ${file.name}: ${Math.round(100 * bar.value)} %`;
    };
    request.onload = () => answered(request);
    request.onerror = () => refuse("The file could not be sent: the gateway does not answer.");
    status.textContent = `Sending ${file.name}`;
    sending.hidden = false;
    request.send(file);
  };
  input.addEventListener("change", () => input.files.length && send(input.files[0]));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const files = event.dataTransfer.files;
    if (files.length > 1) refuse("One file at a time, please.");
    else if (files.length) send(files[0]);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
});
