// The chat's page: IRC over WebSocket (ircv3.net/specs/extensions/websocket) with the server of this node.
"use strict";
const at = id => document.getElementById(id);
const room = /^#[\w-]{1,30}$$/.test(location.hash) ? location.hash : "#mesh";
const people = new Set(), seen = new Set();
let socket = null, nick = "", wait = 1, heard = 0;

function show(text, who, when, kind) {
  const line = document.createElement("p"), time = document.createElement("time"), end = at("said");
  const below = end.scrollHeight - end.scrollTop - end.clientHeight < 60;
  const date = when ? new Date(when) : new Date();
  time.textContent = date.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"}) + " ";
  line.className = kind || (who === nick ? "own" : "");
  line.append(time);
  if (who) {
    const name = document.createElement("b");
    name.textContent = who + " ";
    line.append(name);
  }
  line.append(text);
  end.append(line);
  while (end.childElementCount > 500) end.firstChild.remove();
  if (below) end.scrollTop = end.scrollHeight;
}

// "@tags :source COMMAND parameters :last one" (modern.ircdocs.horse).
function parse(line) {
  const found = /^(?:@(\S+) +)?(?::(\S+) +)?(\S+) *(.*)/.exec(line);
  if (!found) return null;
  const tags = {}, words = /^(?:|(.*?) )(?::(.*))$$/.exec(found[4]) || [, found[4]];
  for (const tag of (found[1] || "").split(";")) tags[tag.split("=")[0]] = tag.slice(tag.indexOf("=") + 1);
  const parameters = (words[1] || "").split(" ").filter(Boolean);
  if (words[2] !== undefined) parameters.push(words[2]);
  return {tags, who: (found[2] || "").split("!")[0], command: found[3], parameters};
}

// Names of IRC are plain letters and digits.
function plain(name) {
  const letters = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[^A-Za-z0-9_-]+/g, "_");
  const short = letters.replace(/^[0-9-]/, "_").slice(0, 24).replace(/_+$$/, "");
  return short || "guest" + Math.floor(Math.random() * 9000 + 1000);
}

// A line holds 512 bytes with all that the server puts before it.
function pieces(text) {
  const found = [""];
  for (const letter of text) {
    const last = found[found.length - 1] + letter;
    if (new TextEncoder().encode(last).length > 350) found.push(letter);
    else found[found.length - 1] = last;
  }
  return found;
}

function open() {
  return socket !== null && socket.readyState === WebSocket.OPEN;
}

function send(line) {
  if (open()) socket.send(line);
}

function count() {
  at("people").textContent = people.size + ": " + [...people].sort().join(", ");
}

const does = {
  PING: ({parameters}) => send("PONG :" + parameters[0]),
  "001": ({parameters}) => {
    nick = parameters[0];
    wait = 1;
    at("lost").hidden = true;
    send("JOIN " + room);
  },
  433: ({parameters}) => send("NICK " + plain(parameters[1]).slice(0, 21) + Math.floor(Math.random() * 900 + 100)), // taken
  353: ({parameters}) => parameters[3].split(" ").forEach(name => people.add(name.replace(/^[^A-Za-z0-9_]/, ""))),
  366: count,
  JOIN: ({who}) => {
    if (who === nick) people.clear();
    else show("→ " + who, "", 0, "note");
    people.add(who);
    count();
  },
  PART: ({who}) => gone(who),
  QUIT: ({who}) => gone(who),
  NICK: ({who, parameters}) => {
    people.delete(who);
    people.add(parameters[0]);
    if (who === nick) nick = parameters[0];
    // Two nodes met, each with somebody of this name: servers call them by a number then.
    if (nick === parameters[0] && /^[0-9]/.test(nick)) send("NICK " + plain(name()).slice(0, 21) + nick.slice(-3));
    show(who + " → " + parameters[0], "", 0, "note");
    count();
  },
  PRIVMSG: ({tags, who, parameters}) => {
    if (tags.msgid && seen.has(tags.msgid)) return;
    seen.add(tags.msgid);
    const text = parameters[1].replace(/^\x01ACTION (.*)\x01$$/, "* $$1").replace(/[\x00-\x1f]/g, "");
    const apart = parameters[0] === room ? "" : " → " + parameters[0];
    show(text, who + apart, tags.time);
  },
};

function gone(who) {
  people.delete(who);
  show("← " + who, "", 0, "note");
  count();
}

function name() {
  try { return localStorage.getItem("name") || at("name").value; } catch { return at("name").value; }
}

function connect() {
  if (socket !== null) return;
  const own = socket = new WebSocket("wss://" + location.host + "/chat/socket", "text.ircv3.net");
  own.onopen = () => {
    heard = Date.now();
    send("CAP REQ :server-time message-tags echo-message batch");
    send("NICK " + plain(name()));
    send("USER web 0 * :" + name());
    send("CAP END");
  };
  own.onmessage = ({data}) => {
    heard = Date.now();
    const message = parse(data);
    if (message && does[message.command]) does[message.command](message);
  };
  own.onclose = () => own === socket && lost();
}

function lost() {
  socket = null;
  at("lost").hidden = false;
  setTimeout(connect, wait * 1000);
  wait = Math.min(15, wait * 2);
}

function asking(on) {
  at("enter").hidden = !on;
  at("write").hidden = at("rename").hidden = on;
  at(on ? "name" : "line").focus();
}

function enter() {
  asking(false);
  if (heard) {
    send("NICK " + plain(name()));
    return;
  }
  heard = Date.now();
  connect();
  // A phone that slept, or walked away, is told by nobody that its connection is dead.
  setInterval(() => {
    if (open() && Date.now() - heard > 60000) {
      socket.close();
      lost();
    }
    send("PING :here");
  }, 20000);
  document.addEventListener("visibilitychange", () => document.hidden || connect());
}

at("room").textContent = room;
addEventListener("hashchange", () => location.reload());
at("rename").onclick = () => {
  at("name").value = name();
  asking(true);
};
at("enter").onsubmit = event => {
  event.preventDefault();
  try { localStorage.setItem("name", at("name").value.trim()); } catch { /* a private window: asked again */ }
  enter();
};
at("write").onsubmit = event => {
  event.preventDefault();
  if (!open()) return;
  const text = at("line").value.trim(), apart = /^\/msg (\S+) (.+)/.exec(text);
  const to = apart ? apart[1] : room;
  if (text) for (const piece of pieces(apart ? apart[2] : text)) send("PRIVMSG " + to + " :" + piece);
  at("line").value = "";
};
if (name()) enter();
