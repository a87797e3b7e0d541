// A reader in a hung mount: it takes questions and never answers.
process.on('message', () => {});
