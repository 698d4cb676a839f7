// Node's fetch at the examples: a body is streamed up, and an answer is streamed down.
// Usage: node stream.mjs (upload|echo|relay) URL MEBIBYTES; prints one line of JSON.

import { createHash, randomUUID } from "node:crypto";

const [mode, url, mebibytes] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const PIECE = 65536;

// Lines with a number: a piece lost, doubled or moved changes the sum.
function body(bytes, sum) {
  let made = 0;
  return new ReadableStream({
    pull(controller) {
      if (made >= bytes) return controller.close();
      let text = "";
      for (let line = made / 16; text.length < PIECE; line += 1) text += String(line).padStart(14, "0") + "1\n";
      const piece = new TextEncoder().encode(text);
      made += piece.length;
      sum.update(mode === "relay" ? piece : text.replaceAll("1", "A"));
      controller.enqueue(piece);
    },
  });
}

async function read(response, sum) {
  let bytes = 0, pieces = 0;
  for await (const piece of response.body) {
    sum.update(piece);
    bytes += piece.length;
    pieces += 1;
  }
  return { status: response.status, bytes, pieces };
}

const post = (address, sum) =>
  fetch(address, { method: "POST", duplex: "half", body: body(mebibytes * 2 ** 20, sum) });

const up = createHash("sha256"), down = createHash("sha256");
let result;
if (mode === "relay") {
  const address = `${url}/relay/${randomUUID()}`;
  const [sent, received] = await Promise.all([
    post(address, up).then((response) => response.json()),
    fetch(address).then((response) => read(response, down)),
  ]);
  result = { ...received, sent: sent.bytes };
} else {
  result = await read(await post(url + (mode === "echo" ? "/stream" : "/bp_stream"), up), down);
}
console.log(JSON.stringify({ ...result, equal: up.digest("hex") === down.digest("hex") }));
