// A reader whose thread hangs in the kernel, as far as a program can play that: nothing but SIGKILL ends it.
process.once('message', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
