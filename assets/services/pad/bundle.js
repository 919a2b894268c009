// The pad's page: CodeMirror and Yjs, made one file with all that they need while the image is built (iso/web.sh).
import {standardKeymap} from "@codemirror/commands";
import {EditorState} from "@codemirror/state";
import {EditorView, drawSelection, keymap, placeholder} from "@codemirror/view";
import {yCollab, yUndoManagerKeymap} from "y-codemirror.next";
import {WebsocketProvider} from "y-websocket";
import * as Y from "yjs";

const MOST = 100000; // letters
const at = id => document.getElementById(id);
const pads = `wss://${location.host}/pad`;
const name = location.hash.slice(1);
const COLOURS = ["#0a7d3c", "#b3261e", "#0061a4", "#7d5260", "#8a5100", "#6750a4"];
const [NO_NAME, TOO_MANY, FULL] = [4404, 4409, 4413]; // server.py

function begin() {
  at("begin").hidden = false;
  at("text").hidden = true;
  at("begin").querySelector("form").onsubmit = event => {
    event.preventDefault();
    location.hash = at("which").value;
  };
  const socket = new WebSocket(pads + "/socket");
  socket.onmessage = ({data}) => {
    for (const pad of Object.keys(JSON.parse(data)).sort()) {
      const link = document.createElement("a");
      link.href = "#" + pad;
      link.textContent = pad;
      at("pads").append(link);
    }
  };
}

function known() {
  try { return localStorage.getItem("name"); } catch { return null; }
}

// Asked once; the chat asks for the same.
function introduce(then) {
  if (known()) return then(known());
  at("enter").hidden = false;
  at("enter").onsubmit = event => {
    event.preventDefault();
    const who = at("who").value.trim();
    try { localStorage.setItem("name", who); } catch { /* a private window: asked again */ }
    at("enter").hidden = true;
    then(who);
  };
}

function edit() {
  at("name").textContent = document.title = name;
  const doc = new Y.Doc(), text = doc.getText("content");
  const provider = new WebsocketProvider(pads, "socket", doc, {params: {pad: name}, disableBc: true, maxBackoffTime: 15000});
  const writable = [EditorView.editable.of(true), EditorView.editable.of(false)];
  const view = extensions => new EditorView({
    parent: at("text"),
    state: EditorState.create({doc: text.toString(), extensions}),
  });
  const all = editable => [
    keymap.of([...yUndoManagerKeymap, ...standardKeymap]),
    drawSelection(),
    EditorView.lineWrapping,
    placeholder(at("text").getAttribute("aria-label")),
    EditorView.contentAttributes.of({"aria-label": name, spellcheck: "true", autocapitalize: "sentences"}),
    EditorState.changeFilter.of(change => !(change.isUserEvent("input") && change.newDoc.length > MOST)),
    yCollab(text, provider.awareness),
    writable[editable ? 0 : 1],
  ];
  let editor = view(all(true));
  provider.on("status", ({status}) => {
    at("lost").hidden = status === "connected";
  });
  provider.on("closed", ({code}) => {
    at("lost").hidden = true;
    if (code === NO_NAME) location.hash = "";
    at(code === TOO_MANY ? "many" : "full").hidden = code !== TOO_MANY && code !== FULL;
    editor.destroy();
    editor = view(all(false));
  });
  provider.awareness.on("change", () => {
    const states = [...provider.awareness.getStates().values()];
    const names = states.map(state => state.user && String(state.user.name)).filter(Boolean);
    at("people").textContent = names.length + ": " + names.sort().join(", ").slice(0, 400);
    at("unkept").hidden = !states.some(state => state.unkept); // the server's own
  });
  introduce(who => {
    const color = COLOURS[doc.clientID % COLOURS.length];
    provider.awareness.setLocalStateField("user", {name: who, color, colorLight: color + "33"});
  });
  addEventListener("pagehide", () => provider.awareness.setLocalState(null));
}

addEventListener("hashchange", () => location.reload());
if (/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) edit();
else begin();
