/** `CompressionStream` and `DecompressionStream`. */
import { engine, type CodecFormat } from "../host/engine.js";
import { TransformStream } from "./streams.js";
import { bytesOf, type BufferSource } from "./text.js";

class CodecStream extends TransformStream<BufferSource, Uint8Array> {
  constructor(format: CodecFormat, isCompressing: boolean) {
    if (!["gzip", "deflate", "deflate-raw"].includes(format)) {
      throw new TypeError(`"${String(format)}" is no format of compression; there are gzip, deflate and deflate-raw`);
    }
    const codec = engine().codec.start(format, isCompressing);
    super({
      transform(piece, controller) {
        const bytes = engine().codec.push(codec, bytesOf(piece));
        if (bytes.length > 0) {
          controller.enqueue(bytes);
        }
      },
      flush(controller) {
        const bytes = engine().codec.finish(codec);
        if (bytes.length > 0) {
          controller.enqueue(bytes);
        }
      },
    });
  }
}

export class CompressionStream extends CodecStream {
  constructor(format: CodecFormat) {
    super(format, true);
  }
}

export class DecompressionStream extends CodecStream {
  constructor(format: CodecFormat) {
    super(format, false);
  }
}
