/** The package export `./protocol`: the wire contract, for whoever speaks to a deployment without the SDK. */
export * from './account-news.ts';
export * from './api.ts';
export * from './bundle.ts';
export * from './call.ts';
export * from './verb.ts';
export * from './courier.ts';
export * from './envelope.ts';
export * from './event.ts';
export * from './handle.ts';
export * from './history.ts';
export * from './identity.ts';
export * from './link.ts';
export * from './manifest.ts';
export * from './problem.ts';
export * from './recovery.ts';
export * from './request.ts';
