import type { CivitaiRemote, HuggingFaceRemote, WebRemote } from '../../../core/remote.ts';
import type { ObjectStore } from '../remote/object-store.ts';
import { civitai } from './civitai.ts';
import { huggingFace } from './hugging-face.ts';
import { civitaiToken, huggingFaceAddress, huggingFaceToken } from './tokens.ts';
import { webFile } from './web-file.ts';

/** The store that a remote of the web names, with the tokens that this user's programs have for it. */
export async function httpStore(remote: HuggingFaceRemote | CivitaiRemote | WebRemote): Promise<ObjectStore> {
  switch (remote.scheme) {
    case 'hf':
      return huggingFace(remote, { address: huggingFaceAddress(), token: await huggingFaceToken() });
    case 'civitai':
      return civitai(remote, { address: 'https://civitai.com', token: civitaiToken() });
    case 'web':
      return webFile(remote);
  }
}
