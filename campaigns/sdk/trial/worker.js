// The worker of the page /try. Nobody else pushes to its scope.
self.PUSHMILL = { alone: true };
importScripts("/sdk/worker.js");
