/** The generations of LTX that are known. Programs that import autocached see this type, so that it stands without the files' schema. */
export const familyNames = ['ltx-2.3', 'ltx-2.5'] as const;
export type FamilyName = (typeof familyNames)[number];
