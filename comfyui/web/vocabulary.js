/** Made of src/core/vocabulary.ts: npx vitest run test/core/vocabulary.test.ts -u */

export const copyTerms = {
  "copying": {
    "word": "copying",
    "says": "not whole yet"
  },
  "ready": {
    "word": "ready",
    "says": "in service"
  },
  "stale": {
    "word": "changed",
    "says": "of an older source; no longer used"
  },
  "evicting": {
    "word": "leaving",
    "says": "is being removed"
  },
  "away": {
    "word": "cache away",
    "says": "the cache disk is away: the source is used, nothing is forgotten, copies are used again when it is back"
  }
};

export const daemonAway = {
  "word": "not running",
  "says": "The autocached daemon is not running. Models load from their own places."
};

export const jobTerms = {
  "queued": {
    "word": "queued",
    "says": "waits for its turn"
  },
  "accounting": {
    "word": "waiting for accounting",
    "says": "starts when everything in the cache is accounted for"
  },
  "paused": {
    "word": "paused",
    "says": "copying is paused; resume with: autocached jobs --resume"
  },
  "running": {
    "word": "running",
    "says": "is being copied"
  },
  "limited": {
    "word": "limited",
    "says": "is copied no faster than AUTOCACHE_RATE allows"
  },
  "giving-way": {
    "word": "giving way",
    "says": "another program reads from the same disk and goes first"
  },
  "held": {
    "word": "held back",
    "says": "a copy that a program waits for goes first"
  },
  "done": {
    "word": "done",
    "says": "the copy is ready"
  },
  "failed": {
    "word": "failed",
    "says": "no copy was made"
  },
  "cancelled": {
    "word": "cancelled",
    "says": "the copy was cancelled"
  }
};

export const libraryTerms = {
  "ready": {
    "word": "ready",
    "says": "a verified copy is in the cache"
  },
  "copying": {
    "word": "copying",
    "says": "a copy is being made"
  },
  "queued": {
    "word": "queued",
    "says": "a copy waits for its turn"
  },
  "changed": {
    "word": "changed",
    "says": "the source has changed since it was copied; the next load starts a new copy"
  },
  "not-copied": {
    "word": "not copied yet",
    "says": "the next load starts a copy"
  },
  "left-alone": {
    "word": "left alone",
    "says": "too small or too large, left out by the settings, or already on a fast disk: no copy is made"
  },
  "away": {
    "word": "away",
    "says": "its folder does not answer, and there is no copy"
  },
  "cache-away": {
    "word": "cache away",
    "says": "the cache disk is away: the source is used, nothing is forgotten, copies are used again when it is back"
  },
  "not-seen": {
    "word": "not seen",
    "says": "it was not there when its folder was last looked through"
  }
};

export const modeTerms = {
  "read-write": {
    "word": "On",
    "says": "copies are used and made"
  },
  "read-only": {
    "word": "Read only",
    "says": "copies are used, none are made"
  },
  "off": {
    "word": "Off",
    "says": "every lookup is answered with the source"
  }
};

export const rootTerms = {
  "unknown": {
    "word": "not looked at",
    "says": "nobody has looked at it yet"
  },
  "ok": {
    "word": "ok",
    "says": "it answers"
  },
  "away": {
    "word": "away",
    "says": "it does not answer; its copies keep working"
  },
  "missing": {
    "word": "missing",
    "says": "there is no such directory, and there never was since it was named"
  }
};

export const untilAsked = {
  "QUEUED": {
    "word": "not copied yet",
    "says": "the next load starts a copy"
  },
  "COPYING": {
    "word": "not complete yet",
    "says": "files that belong to it have no copies; the next load starts them"
  },
  "WAIT_TIMEOUT": {
    "word": "slow to answer",
    "says": "the source did not answer in time; a copy is decided on when it does"
  }
};
