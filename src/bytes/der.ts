/** DER, read strictly: der-tree.ts takes an encoding apart, der-types.ts says what a value is. */
export * from './der-tree.ts';
export * from './der-types.ts';
