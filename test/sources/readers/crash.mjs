// A reader that dies of the first question.
process.once('message', () => process.exit(7));
