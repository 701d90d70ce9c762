// The exported types accept what the API answers, and nothing else.
import type { Endpoints } from "./types.js";

type User = Endpoints["GET /users/{id}"]["responses"][200];

const user: User = { id: 1, name: "user 1", email: "u1@example.org", tags: ["a"], boss: null };
// @ts-expect-error: an id is a number.
const wrong: User = { ...user, id: "one" };
const created: Endpoints["POST /users"]["request"] = { name: "x", email: "x@example.org" };

export const kept = [user, wrong, created];
