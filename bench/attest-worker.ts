/** What bench/attest.ts serves on workerd: N verdicts on one question in one request, so that the caller's clock sees little else. */
import { judgeWith, type Question } from './attest-question.ts';

export default {
  async fetch(request: Request): Promise<Response> {
    const { question, times } = (await request.json()) as { question: Question; times: number };
    const judge = judgeWith(question);
    for (let i = 0; i < times; i++) {
      const { decision, reason } = await judge();
      if (decision !== 'accept') return new Response(`refused: ${reason}`, { status: 500 });
    }
    return new Response('done');
  },
};
