"""node's `web-push` as a contestant, if node and npm are present and npm can install it."""

import asyncio
import json
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.harness.simulator import PushServiceClient, Subscriptions

VERSION = "3.6.7"
IN_FLIGHT = 64
SCRIPT = """
const fs = require('fs'), https = require('https'), webpush = require('web-push');
const task = JSON.parse(fs.readFileSync(0));
const agent = new https.Agent({ keepAlive: true, maxSockets: task.inFlight, ca: fs.readFileSync(task.ca) });
const keys = webpush.generateVAPIDKeys();
const options = { TTL: 60, agent, vapidDetails: { subject: 'mailto:ops@example.com', ...keys } };
const text = 'x'.repeat(300);
async function send(some) {
  const rest = some[Symbol.iterator]();
  const one = async () => { for (const each of rest) await webpush.sendNotification(each, text, options); };
  await Promise.all(Array.from({ length: task.inFlight }, one));
}
(async () => {
  const cut = Math.max(task.inFlight, Math.floor(task.subscriptions.length / 10));
  await send(task.subscriptions.slice(0, cut));
  const began = process.cpuUsage();
  await send(task.subscriptions.slice(cut));
  const spent = process.cpuUsage(began);
  console.log((spent.user + spent.system) / (task.subscriptions.length - cut));
  process.exit(0);
})();
"""


async def run(service: PushServiceClient, subscriptions: Subscriptions) -> float | None:
    """Return the CPU microseconds a push of node's process; None if it cannot run here."""
    folder = await asyncio.to_thread(_installed)
    if folder is None:
        return None
    process = await asyncio.create_subprocess_exec(
        *("node", "-e", SCRIPT), cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    task = {"ca": str(service.ca), "subscriptions": subscriptions, "inFlight": IN_FLIGHT}
    out, _ = await process.communicate(json.dumps(task).encode())
    return float(out) if process.returncode == 0 else None


@cache
def _installed() -> Path | None:
    import subprocess  # noqa: PLC0415 - only used here

    if not (shutil.which("node") and shutil.which("npm")):
        print("node or npm is missing: skipped", file=sys.stderr)
        return None
    folder = Path(tempfile.mkdtemp(prefix="pushmill-node-"))
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"web-push@{VERSION}"]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        print("npm cannot install web-push: skipped", file=sys.stderr)
        return None
    return folder
