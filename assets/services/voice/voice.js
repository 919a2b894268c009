// The page of the voice rooms: WebRTC from browser to browser, without servers for addresses: here all are reachable.
"use strict";
const at = id => document.getElementById(id);
const room = location.hash.slice(1), service = "wss://" + location.host + "/voice/socket";
const people = new Map(); // id: {name, line, link, sound}
let socket = null, stream = null, wait = 1;

function begin() {
  at("begin").hidden = false;
  at("begin").onsubmit = event => {
    event.preventDefault();
    location.hash = at("which").value;
  };
  new WebSocket(service).onmessage = ({data}) => {
    for (const [name, count] of Object.entries(JSON.parse(data))) {
      const link = document.createElement("a");
      link.href = "#" + name;
      link.textContent = name + " (" + count + ")";
      at("rooms").append(link);
    }
  };
}

function appear(id, name) {
  const line = document.createElement("li");
  line.textContent = name;
  at("people").append(line);
  people.set(id, {name, line, link: null, sound: null});
}

function leave(id) {
  const one = people.get(id);
  if (!one) return;
  if (one.link) one.link.close();
  if (one.sound) one.sound.srcObject = null;
  one.line.remove();
  people.delete(id);
}

// A connection to one of them; `failed` is done when it breaks.
function connection(id, failed) {
  const one = people.get(id), link = new RTCPeerConnection({iceServers: []});
  if (one.link) one.link.close();
  one.link = link;
  for (const track of stream.getTracks()) link.addTrack(track, stream);
  link.ontrack = ({streams}) => {
    one.sound = one.sound || new Audio();
    one.sound.srcObject = streams[0];
    one.sound.play().catch(() => {}); // a browser that wants a touch first has had one: Join
  };
  link.onconnectionstatechange = () => {
    one.line.className = link.connectionState === "connected" ? "on" : "";
    if (link.connectionState === "failed" && people.get(id) === one && one.link === link) failed();
  };
  return link;
}

// What it says of itself, with all its addresses, which are known at once.
async function describe(link, to) {
  await link.setLocalDescription();
  if (link.iceGatheringState !== "complete") {
    await new Promise(done => link.addEventListener("icegatheringstatechange", () => {
      if (link.iceGatheringState === "complete") done();
    }));
  }
  if (socket && people.has(to)) socket.send(JSON.stringify({to, data: JSON.stringify(link.localDescription)}));
}

// Who comes calls those who are there.
function call(id) {
  if (people.has(id)) describe(connection(id, () => setTimeout(call, 3000, id)), id);
}

async function answer(id, said) {
  if (!people.has(id)) return;
  if (said.type !== "offer") return people.get(id).link && people.get(id).link.setRemoteDescription(said);
  const link = connection(id, () => {});
  await link.setRemoteDescription(said);
  await describe(link, id);
}

function hear({data}) {
  const said = JSON.parse(data);
  if (said.you) {
    wait = 1;
    at("lost").hidden = true;
    for (const [id, name] of Object.entries(said.others)) appear(id, name);
    [...people.keys()].forEach(call);
  } else if (said.came) appear(said.came, said.name);
  else if (said.left) leave(said.left);
  else if (said.from) answer(said.from, JSON.parse(said.data)).catch(() => {}); // what a browser does not understand
}

function connect() {
  if (!stream || socket) return;
  const own = socket = new WebSocket(service + "?room=" + room + "&name=" + encodeURIComponent(at("who").value.trim()));
  own.onmessage = hear;
  own.onclose = ({code}) => {
    if (own !== socket) return;
    socket = null;
    [...people.keys()].forEach(leave);
    if (code === 4409) return end("full");
    at("lost").hidden = false;
    setTimeout(connect, wait * 1000);
    wait = Math.min(15, wait * 2);
  };
}

function end(why) {
  if (stream) for (const track of stream.getTracks()) track.stop();
  stream = null;
  if (socket) socket.close();
  at("inside").hidden = true;
  at("enter").hidden = false;
  if (why) at(why).hidden = false;
}

async function enter(event) {
  event.preventDefault();
  at("full").hidden = at("deaf").hidden = true;
  try { localStorage.setItem("name", at("who").value.trim()); } catch { /* a private window: asked again */ }
  try {
    stream = await navigator.mediaDevices.getUserMedia(
      {audio: {echoCancellation: true, noiseSuppression: true, autoGainControl: true}});
  } catch {
    at("deaf").hidden = false;
    return;
  }
  at("enter").hidden = true;
  at("inside").hidden = false;
  connect();
}

function open() {
  at("room").textContent = document.title = room;
  at("enter").hidden = false;
  try { at("who").value = localStorage.getItem("name") || ""; } catch { /* as above */ }
  at("enter").onsubmit = enter;
  at("leave").onclick = () => end("");
  at("mute").onclick = () => {
    const on = stream.getAudioTracks()[0].enabled = !stream.getAudioTracks()[0].enabled;
    at("mute").setAttribute("aria-pressed", String(!on));
  };
}

addEventListener("hashchange", () => location.reload());
if (/^[a-z0-9][a-z0-9-]{0,31}$$/.test(room)) open();
else begin();
