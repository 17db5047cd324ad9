/**
 * The few names of Deno that this host uses; everything else is node:* and web standards. Deno's own declarations would
 * bring a second DOM beside the one of the other compilation units, and shapes of Node that differ from @types/node.
 */
declare namespace Deno {
  interface WebSocketUpgrade {
    readonly socket: WebSocket;
    readonly response: Response;
  }
  /** `idleTimeout` in seconds: a protocol ping goes out, and the socket is closed when nothing comes back. */
  function upgradeWebSocket(request: Request, options?: { protocol?: string; idleTimeout?: number }): WebSocketUpgrade;

  interface HttpServer {
    readonly addr: { readonly hostname: string; readonly port: number };
    readonly finished: Promise<void>;
    /** Accepts nothing more and resolves when the requests under way are answered. */
    shutdown(): Promise<void>;
  }
  function serve(
    options: { hostname: string; port: number; onListen?: (addr: { hostname: string; port: number }) => void },
    handler: (
      request: Request,
      info: { readonly remoteAddr: { readonly hostname?: string } },
    ) => Response | Promise<Response>,
  ): HttpServer;

  interface FsFile {
    /** An exclusive lock of the operating system; it ends with the process, however that ends. */
    tryLockSync(exclusive: boolean): boolean;
    truncateSync(length: number): void;
    writeSync(bytes: Uint8Array): number;
    close(): void;
  }
  function openSync(
    path: string,
    options: { create?: boolean; read?: boolean; write?: boolean; mode?: number },
  ): FsFile;
}
