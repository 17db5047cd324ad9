/** A module of workerd itself for test runners, behind the compatibility flag `unsafe_module`. */
declare module 'workerd:unsafe' {
  const unsafe: {
    evict(stub: object, options: { webSockets: 'hibernate' | 'close' }): Promise<void>;
  };
  export default unsafe;
}
