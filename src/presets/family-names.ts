/** The known generations of LTX. Programs that import autocached see this type, so it does not depend on the files' schema. */
export const familyNames = ['ltx-2.3', 'ltx-2.5'] as const;
export type FamilyName = (typeof familyNames)[number];
