import type { CivitaiRemote, HuggingFaceRemote, WebRemote } from '../../../core/remote.ts';
import type { Meter } from '../../spending.ts';
import type { ObjectStore } from '../remote/object-store.ts';
import { civitai } from './civitai.ts';
import { huggingFace } from './hugging-face.ts';
import { civitaiToken, huggingFaceAddress, huggingFaceToken } from './tokens.ts';
import { webFile } from './web-file.ts';

/** The store of a web remote, with the user's tokens for it. */
export async function httpStore(remote: HuggingFaceRemote | CivitaiRemote | WebRemote, meter: Meter): Promise<ObjectStore> {
  switch (remote.scheme) {
    case 'hf':
      return huggingFace(remote, { address: huggingFaceAddress(), token: await huggingFaceToken(), meter });
    case 'civitai':
      return civitai(remote, { address: 'https://civitai.com', token: civitaiToken(), meter });
    case 'web':
      return webFile(remote, meter);
  }
}
