/* A stand-in for a program that multiplies: the first argument says what it does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char** words) {
    const char* how = count > 1 ? words[1] : "";
    setvbuf(stdout, 0, _IONBF, 0);
    if (!strcmp(how, "hangs")) {
        puts("reading the matrix");
        for (;;) pause();
    }
    if (!strcmp(how, "floods"))
        for (;;) puts("SpMV_Y: nothing to see here, nothing to see here, nothing to see here");
    if (!strcmp(how, "long")) {
        for (int i = 0; i < 40000; i++) puts("a line that nobody asked for, of some forty bytes");
    }
    if (!strcmp(how, "crashes")) {
        puts("about to fail");
        abort();
    }
    if (!strcmp(how, "fails")) {
        fputs("cannot read the matrix\n", stderr);
        return 3;
    }
    if (!strcmp(how, "garbage")) {
        fwrite("\377\376\0\1SpMV_Z\r\n\200", 1, 13, stdout);
        return 0;
    }
    if (!strcmp(how, "silent")) return 0;
    if (!strcmp(how, "orphans")) {
        if (!fork()) {
            printf("child %d\n", getpid());
            for (;;) pause();
        }
        usleep(200000);
    }
    if (!strcmp(how, "says")) {
        for (int i = 2; i < count; i++) puts(words[i]);
        usleep(50000);
        return 0;
    }
    if (!strcmp(how, "matrix")) {
        char line[256];
        FILE* file = fopen(words[2], "r");
        while (file && fgets(line, sizeof line, file)) fputs(line, stdout);
    }
    usleep(50000);
    printf("threads %s\n", getenv("OMP_NUM_THREADS"));
    puts("SpMV_X:    0.0164 ms, 102.2689 GFlop/s");
    return 0;
}
