// Sends a push to every subscription with `web-push`, and prints its CPU microseconds a push.
//
//     node main.js CA_FILE IN_FLIGHT WARM_UP SIZE < subscriptions.jsonl
//
// The first WARM_UP pushes open the connections and are not counted.
const fs = require('node:fs');
const https = require('node:https');
const webpush = require('web-push');

const [ca, ...numbers] = process.argv.slice(2);
const [inFlight, warmUp, size] = numbers.map(Number);
const subscriptions = fs.readFileSync(0, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const agent = new https.Agent({ keepAlive: true, maxSockets: inFlight, ca: fs.readFileSync(ca) });
const vapidDetails = { subject: 'mailto:ops@example.com', ...webpush.generateVAPIDKeys() };
const options = { TTL: 60, agent, vapidDetails };
const text = 'x'.repeat(size);

/** Posts to all subscriptions, `inFlight` at once. */
async function send(some) {
  const rest = some[Symbol.iterator]();
  const one = async () => {
    for (const each of rest) await webpush.sendNotification(each, text, options);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

async function main() {
  await send(subscriptions.slice(0, warmUp));
  const began = process.cpuUsage();
  await send(subscriptions.slice(warmUp));
  const spent = process.cpuUsage(began);
  console.log((spent.user + spent.system) / (subscriptions.length - warmUp));
  agent.destroy();
}

main();
