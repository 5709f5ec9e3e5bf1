/* Included before `quickjs.c` and `libregexp.c` of QuickJS, by the compiler of `sdk/typescript/toolchain`.
 *
 * A script that recurses without end, or a text that nests without end, has to get a RangeError and not
 * end the whole call by a trap. QuickJS checks its stack for that, but not on WASI, and it looks at the
 * stack in memory. WebAssembly has another stack for its calls, which the host limits, and of which a
 * program cannot see how much is left. So
 *
 * - QuickJS is not told that it is compiled for WASI, once the headers that depend on it are read;
 * - each function that checks the stack takes some more of the stack in memory, so that the limit of that
 *   one (STACK_MAX in `src/guest/script.rs`) is reached before the other one is. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/time.h>
#include "cutils.h"
#include "libregexp.h"
#undef __wasi__

/* Takes bytes of the stack in memory until the end of the function. */
#define SEDGE_TAKE(bytes) \
    volatile char sedge_taken[bytes]; \
    __asm__ volatile("" : : "r"(sedge_taken) : "memory")

#ifdef SEDGE_REGEXP
/* Two functions of the compiler of regular expressions call each other for each pair of brackets. */
#define lre_check_stack_overflow(opaque, size) \
    (__extension__({ SEDGE_TAKE(256); lre_check_stack_overflow(opaque, size); }))
#else
/* The parser checks the stack where it reads a token, which is too late: it has called up to twenty
 * functions for one pair of brackets by then. So what calls some of its functions takes more.
 *
 * A macro sees calls, `js_parse_unary(s, …)`, and declarations, `js_parse_unary(JSParseState *s, …)`,
 * which have to stay as they are. SEDGE_IS_ tells them apart by the first word. */
#define SEDGE_IS_s ~, CALL
#define SEDGE_SECOND(first, second, ...) second
#define SEDGE_KIND_OF(...) SEDGE_SECOND(__VA_ARGS__, DECLARATION, ~)
#define SEDGE_PASTE(kind) SEDGE_WRITE_##kind
#define SEDGE_WRITER(kind) SEDGE_PASTE(kind)
#define SEDGE_WRITE_DECLARATION(bytes, function, ...) function(__VA_ARGS__)
#define SEDGE_WRITE_CALL(bytes, function, ...) \
    (__extension__({ SEDGE_TAKE(bytes); function(__VA_ARGS__); }))
#define SEDGE_CALL(bytes, function, first, ...) \
    SEDGE_WRITER(SEDGE_KIND_OF(SEDGE_IS_##first))(bytes, function, first, __VA_ARGS__)

#define js_parse_postfix_expr(first, ...) SEDGE_CALL(320, js_parse_postfix_expr, first, __VA_ARGS__)
#define js_parse_assign_expr2(first, ...) SEDGE_CALL(96, js_parse_assign_expr2, first, __VA_ARGS__)
#define js_parse_function_decl2(first, ...) SEDGE_CALL(128, js_parse_function_decl2, first, __VA_ARGS__)
#define js_parse_statement_or_decl(first, ...) \
    SEDGE_CALL(16, js_parse_statement_or_decl, first, __VA_ARGS__)
#define js_parse_destructuring_element(first, ...) \
    SEDGE_CALL(256, js_parse_destructuring_element, first, __VA_ARGS__)

/* `js_get_stack_pointer` asks for it, and is inlined into the functions that check. */
#define __builtin_frame_address(level) \
    (__extension__({ SEDGE_TAKE(96); (void *)sedge_taken; }))
#endif
