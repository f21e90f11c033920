/*
 * What the Autobahn test suite checks of frames, by the numbers of its cases: sections 1 to 7, 9 and 10. Where it chops
 * a frame into pieces, here every row is cut everywhere.
 */
#include "../frames.h"
#include "base/ws.h"
#include "test.h"

#define KOSME "CEBAE1BDB9CF83CEBCCEB5"

static const struct frames_row framing[] = {
    {"1.1.1", "81:", "T", 0, 0},
    {"1.1.2", "81:2A*125", "T2A*125", 0, 0},
    {"1.1.3", "81:2A*126", "T2A*126", 0, 0},
    {"1.1.4", "81:2A*127", "T2A*127", 0, 0},
    {"1.1.5", "81:2A*128", "T2A*128", 0, 0},
    {"1.1.6", "81:2A*65535", "T2A*65535", 0, 0},
    {"1.1.7", "81:2A*65536", "T2A*65536", 0, 0},
    {"1.2.1", "82:", "B", 0, 0},
    {"1.2.2", "82:FE*125", "BFE*125", 0, 0},
    {"1.2.3", "82:FE*126", "BFE*126", 0, 0},
    {"1.2.4", "82:FE*127", "BFE*127", 0, 0},
    {"1.2.5", "82:FE*128", "BFE*128", 0, 0},
    {"1.2.6", "82:FE*65535", "BFE*65535", 0, 0},
    {"1.2.7", "82:FE*65536", "BFE*65536", 0, 0},

    {"2.1", "89:", "P", 0, 0},
    {"2.2", "89:48656C6C6F", "P48656C6C6F", 0, 0},
    {"2.3", "89:00FFFEFDFCFB00FF", "P00FFFEFDFCFB00FF", 0, 0},
    {"2.4", "89:FE*125", "PFE*125", 0, 0},
    {"2.5", "89 FE! 007E m FE*126", "", 1002, 0},
    {"2.7", "8A:", "O", 0, 0},
    {"2.8", "8A:756E", "O756E", 0, 0},
    {"2.9", "8A:756E | 89:70", "O756E P70", 0, 0},
    {"2.10", "89:30 | 89:31 | 89:32 | 89:33 | 89:34 | 89:35 | 89:36 | 89:37 | 89:38 | 89:39",
        "P30 P31 P32 P33 P34 P35 P36 P37 P38 P39", 0, 0},

    {"3.1", "91!:48", "", 1002, 0},
    {"3.2", "81:48 | A1!:48 | 89:", "T48", 1002, 0},
    {"3.3", "81:48 | B1!:48 | 89:", "T48", 1002, 0},
    {"3.4", "81:48 | C1!:48 | 89:", "T48", 1002, 0},
    {"3.5", "D2!:FE00", "", 1002, 0},
    {"3.6", "E9!:48", "", 1002, 0},
    {"3.7", "F8!:", "", 1002, 0},

    {"4.1.1", "83!:", "", 1002, 0},
    {"4.1.2", "84!:72", "", 1002, 0},
    {"4.1.3", "81:48 | 85!: | 89:", "T48", 1002, 0},
    {"4.1.4", "81:48 | 86!:72 | 89:", "T48", 1002, 0},
    {"4.1.5", "81:48 | 87!:72 | 89:", "T48", 1002, 0},
    {"4.2.1", "8B!:", "", 1002, 0},
    {"4.2.2", "8C!:72", "", 1002, 0},
    {"4.2.3", "81:48 | 8D!: | 89:", "T48", 1002, 0},
    {"4.2.4", "81:48 | 8E!:72 | 89:", "T48", 1002, 0},
    {"4.2.5", "81:48 | 8F!:72 | 89:", "T48", 1002, 0},

    {"5.1", "09!:66 | 80:67", "", 1002, 0},
    {"5.2", "0A!:66 | 80:67", "", 1002, 0},
    {"5.3", "01:66 | 80:67", "T66+ T67", 0, 0},
    {"5.6", "01:66 | 89:70 | 80:67", "T66+ P70 T67", 0, 0},
    {"5.9", "80!:6E | 81:48", "", 1002, 0},
    {"5.12", "00!:6E | 81:48", "", 1002, 0},
    {"5.15", "01:66 | 80:67 | 00!:68 | 01:69 | 80:6A", "T66+ T67", 1002, 0},
    {"5.16", "00!:66 | 01:67 | 80:68", "", 1002, 0},
    {"5.17", "80!:66 | 01:67 | 80:68", "", 1002, 0},
    {"5.18", "01:66 | 81!:67", "T66+", 1002, 0},
    {"5.19", "01:66 | 00:67 | 89:31 | 00:68 | 00:69 | 89:32 | 80:6A", "T66+ T67+ P31 T68+ T69+ P32 T6A", 0, 0},

    {"6.1.1", "81:", "T", 0, 0},
    {"6.1.2", "01: | 00: | 80:", "T+ T+ T", 0, 0},
    {"6.1.3", "01: | 00:6D6964646C65 | 80:", "T+ T6D6964646C65+ T", 0, 0},
    {"6.2.1", "81:48656C6C6F2DC2B540C39FC3B6C3A4C3BCC3A0C3A12D5554462D382121",
        "T48656C6C6F2DC2B540C39FC3B6C3A4C3BCC3A0C3A12D5554462D382121", 0, 0},
    {"6.2.2", "01:48656C6C6F2DC2B540C39FC3B6C3A4 | 80:C3BCC3A0C3A12D5554462D382121",
        "T48656C6C6F2DC2B540C39FC3B6C3A4+ TC3BCC3A0C3A12D5554462D382121", 0, 0},
    {"6.2.4", "01:CE | 00:BA | 00:E1 | 00:BD | 00:B9 | 00:CF | 00:83 | 00:CE | 00:BC | 00:CE | 00:B5 | 80:",
        "TCE+ TBA+ TE1+ TBD+ TB9+ TCF+ T83+ TCE+ TBC+ TCE+ TB5+ T", 0, 0},
    {"6.3.1", "81:" KOSME "EDA0!80656469746564", "", 1007, 0},
    {"6.3.2", "01:CE | 00:BA | 00:ED | 00:A0! | 00:80 | 00:65 | 80:", "TCE+ TBA+ TED+", 1007, 0},
    {"6.4.1", "01:" KOSME " | 00:F490!8080 | 80:656469746564", "T" KOSME "+", 1007, 0},
    {"6.4.2", "01:" KOSME "F4 | 00:90! | 00:8080 | 80:656469746564", "T" KOSME "F4+", 1007, 0},
    {"6.4.3", "81:" KOSME "F490!8080656469746564", "", 1007, 0},
    {"6.4.4", "81:" KOSME "F490!", "", 1007, 0},

    {"7.1.1", "81:48 | 88:03E8", "T48 C03E8", 0, 0},
    {"7.1.2", "88:03E8 | 88:03E8", "C03E8", 0, 0},
    {"7.1.3", "88:03E8 | 89:", "C03E8", 0, 0},
    {"7.1.4", "88:03E8 | 81:48", "C03E8", 0, 0},
    {"7.1.5", "01:66 | 88:03E8 | 80:67", "T66+ C03E8", 0, 0},
    {"7.1.6", "81:42*262144 | 81:48 | 88:03E8 | 89:", "T42*262144 T48 C03E8", 0, 0},
    {"7.3.1", "88:", "C", 0, 0},
    {"7.3.2", "88:61", "", 1002, 0},
    {"7.3.3", "88:03E8", "C03E8", 0, 0},
    {"7.3.4", "88:03E848656C6C6F", "C03E848656C6C6F", 0, 0},
    {"7.3.6", "88 FE! 007E m 03E8 2A*124", "", 1002, 0},
    {"7.5.1", "88:03E8" KOSME "EDA080656469746564", "", 1007, 0},
    {"7.7.1", "88:03E8", "C03E8", 0, 0},
    {"7.7.2", "88:03E9", "C03E9", 0, 0},
    {"7.7.3", "88:03EA", "C03EA", 0, 0},
    {"7.7.4", "88:03EB", "C03EB", 0, 0},
    {"7.7.5", "88:03EF", "C03EF", 0, 0},
    {"7.7.6", "88:03F0", "C03F0", 0, 0},
    {"7.7.7", "88:03F1", "C03F1", 0, 0},
    {"7.7.8", "88:03F2", "C03F2", 0, 0},
    {"7.7.9", "88:03F3", "C03F3", 0, 0},
    {"7.7.10", "88:0BB8", "C0BB8", 0, 0},
    {"7.7.11", "88:0F9F", "C0F9F", 0, 0},
    {"7.7.12", "88:0FA0", "C0FA0", 0, 0},
    {"7.7.13", "88:1387", "C1387", 0, 0},
    {"7.9.1", "88:0000", "", 1002, 0},
    {"7.9.2", "88:03E7", "", 1002, 0},
    {"7.9.3", "88:03EC", "", 1002, 0},
    {"7.9.4", "88:03ED", "", 1002, 0},
    {"7.9.5", "88:03EE", "", 1002, 0},
    {"7.9.6", "88:03F8", "", 1002, 0},
    {"7.9.7", "88:044C", "", 1002, 0},
    {"7.9.8", "88:07D0", "", 1002, 0},
    {"7.9.9", "88:0BB7", "", 1002, 0},
    {"7.13.1", "88:1388", "", 1002, 0},
    {"7.13.2", "88:FFFF", "", 1002, 0},
};

/* A text of one frame, sections 6.5 to 6.23. */
static const struct frames_row utf8[] = {
    {"6.5.1", "81:68656C6C6F24776F726C64", "T68656C6C6F24776F726C64", 0, 0},
    {"6.5.2", "81:68656C6C6FC2A2776F726C64", "T68656C6C6FC2A2776F726C64", 0, 0},
    {"6.5.3", "81:68656C6C6FE282AC776F726C64", "T68656C6C6FE282AC776F726C64", 0, 0},
    {"6.5.4", "81:68656C6C6FF0A4ADA2776F726C64", "T68656C6C6FF0A4ADA2776F726C64", 0, 0},
    {"6.5.5", "81:CEBAE1BDB9CF83CEBCCEB5", "TCEBAE1BDB9CF83CEBCCEB5", 0, 0},

    {"6.6.1", "81:CE", "", 1007, 0},
    {"6.6.2", "81:CEBA", "TCEBA", 0, 0},
    {"6.6.3", "81:CEBAE1", "", 1007, 0},
    {"6.6.4", "81:CEBAE1BD", "", 1007, 0},
    {"6.6.5", "81:CEBAE1BDB9", "TCEBAE1BDB9", 0, 0},
    {"6.6.6", "81:CEBAE1BDB9CF", "", 1007, 0},
    {"6.6.7", "81:CEBAE1BDB9CF83", "TCEBAE1BDB9CF83", 0, 0},
    {"6.6.8", "81:CEBAE1BDB9CF83CE", "", 1007, 0},
    {"6.6.9", "81:CEBAE1BDB9CF83CEBC", "TCEBAE1BDB9CF83CEBC", 0, 0},
    {"6.6.10", "81:CEBAE1BDB9CF83CEBCCE", "", 1007, 0},
    {"6.6.11", "81:CEBAE1BDB9CF83CEBCCEB5", "TCEBAE1BDB9CF83CEBCCEB5", 0, 0},

    {"6.7.1", "81:00", "T00", 0, 0},
    {"6.7.2", "81:C280", "TC280", 0, 0},
    {"6.7.3", "81:E0A080", "TE0A080", 0, 0},
    {"6.7.4", "81:F0908080", "TF0908080", 0, 0},

    {"6.8.1", "81:F8!88808080", "", 1007, 0},
    {"6.8.2", "81:FC!8480808080", "", 1007, 0},

    {"6.9.1", "81:7F", "T7F", 0, 0},
    {"6.9.2", "81:DFBF", "TDFBF", 0, 0},
    {"6.9.3", "81:EFBFBF", "TEFBFBF", 0, 0},
    {"6.9.4", "81:F48FBFBF", "TF48FBFBF", 0, 0},

    {"6.10.1", "81:F7!BFBFBF", "", 1007, 0},
    {"6.10.2", "81:FB!BFBFBFBF", "", 1007, 0},
    {"6.10.3", "81:FD!BFBFBFBFBF", "", 1007, 0},

    {"6.11.1", "81:ED9FBF", "TED9FBF", 0, 0},
    {"6.11.2", "81:EE8080", "TEE8080", 0, 0},
    {"6.11.3", "81:EFBFBD", "TEFBFBD", 0, 0},
    {"6.11.4", "81:F48FBFBF", "TF48FBFBF", 0, 0},
    {"6.11.5", "81:F490!8080", "", 1007, 0},

    {"6.12.1", "81:80", "", 1007, 0},
    {"6.12.2", "81:BF", "", 1007, 0},
    {"6.12.3", "81:80!BF", "", 1007, 0},
    {"6.12.4", "81:80!BF80", "", 1007, 0},
    {"6.12.5", "81:80!BF80BF", "", 1007, 0},
    {"6.12.6", "81:80!BF80BF80", "", 1007, 0},
    {"6.12.7", "81:80!BF80BF80BF", "", 1007, 0},
    {"6.12.8",
        "81:80!"
        "8182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7"
        "B8B9BABBBCBDBE",
        "", 1007, 0},

    {"6.13.1",
        "81:C0!"
        "20C120C220C320C420C520C620C720C820C920CA20CB20CC20CD20CE20CF20D020D120D220D320D420D520D620D720D820D920DA20DB20"
        "DC20DD20DE20DF20",
        "", 1007, 0},
    {"6.13.2", "81:E020!E120E220E320E420E520E620E720E820E920EA20EB20EC20ED20EE20EF20", "", 1007, 0},
    {"6.13.3", "81:F020!F120F220F320F420F520F620F720", "", 1007, 0},
    {"6.13.4", "81:F8!20F920FA20FB20", "", 1007, 0},
    {"6.13.5", "81:FC!20FD20", "", 1007, 0},

    {"6.14.1", "81:C0", "", 1007, 0},
    {"6.14.2", "81:E080", "", 1007, 0},
    {"6.14.3", "81:F080!80", "", 1007, 0},
    {"6.14.4", "81:F8!808080", "", 1007, 0},
    {"6.14.5", "81:FC!80808080", "", 1007, 0},
    {"6.14.6", "81:DF", "", 1007, 0},
    {"6.14.7", "81:EFBF", "", 1007, 0},
    {"6.14.8", "81:F7!BFBF", "", 1007, 0},
    {"6.14.9", "81:FB!BFBFBF", "", 1007, 0},
    {"6.14.10", "81:FD!BFBFBFBF", "", 1007, 0},

    {"6.15.1", "81:C0!E080F08080F8808080FC80808080DFEFBFF7BFBFFBBFBFBFFDBFBFBFBF", "", 1007, 0},

    {"6.16.1", "81:FE", "", 1007, 0},
    {"6.16.2", "81:FF", "", 1007, 0},
    {"6.16.3", "81:FE!FEFFFF", "", 1007, 0},

    {"6.17.1", "81:C0!AF", "", 1007, 0},
    {"6.17.2", "81:E080!AF", "", 1007, 0},
    {"6.17.3", "81:F080!80AF", "", 1007, 0},
    {"6.17.4", "81:F8!808080AF", "", 1007, 0},
    {"6.17.5", "81:FC!80808080AF", "", 1007, 0},

    {"6.18.1", "81:C1!BF", "", 1007, 0},
    {"6.18.2", "81:E09F!BF", "", 1007, 0},
    {"6.18.3", "81:F08F!BFBF", "", 1007, 0},
    {"6.18.4", "81:F8!87BFBFBF", "", 1007, 0},
    {"6.18.5", "81:FC!83BFBFBFBF", "", 1007, 0},

    {"6.19.1", "81:C0!80", "", 1007, 0},
    {"6.19.2", "81:E080!80", "", 1007, 0},
    {"6.19.3", "81:F080!8080", "", 1007, 0},
    {"6.19.4", "81:F8!80808080", "", 1007, 0},
    {"6.19.5", "81:FC!8080808080", "", 1007, 0},

    {"6.20.1", "81:EDA0!80", "", 1007, 0},
    {"6.20.2", "81:EDAD!BF", "", 1007, 0},
    {"6.20.3", "81:EDAE!80", "", 1007, 0},
    {"6.20.4", "81:EDAF!BF", "", 1007, 0},
    {"6.20.5", "81:EDB0!80", "", 1007, 0},
    {"6.20.6", "81:EDBE!80", "", 1007, 0},
    {"6.20.7", "81:EDBF!BF", "", 1007, 0},

    {"6.21.1", "81:EDA0!80EDB080", "", 1007, 0},
    {"6.21.2", "81:EDA0!80EDBFBF", "", 1007, 0},
    {"6.21.3", "81:EDAD!BFEDB080", "", 1007, 0},
    {"6.21.4", "81:EDAD!BFEDBFBF", "", 1007, 0},
    {"6.21.5", "81:EDAE!80EDB080", "", 1007, 0},
    {"6.21.6", "81:EDAE!80EDBFBF", "", 1007, 0},
    {"6.21.7", "81:EDAF!BFEDB080", "", 1007, 0},
    {"6.21.8", "81:EDAF!BFEDBFBF", "", 1007, 0},

    {"6.22.1", "81:EFBFBE", "TEFBFBE", 0, 0},
    {"6.22.2", "81:EFBFBF", "TEFBFBF", 0, 0},
    {"6.22.3", "81:F09FBFBE", "TF09FBFBE", 0, 0},
    {"6.22.4", "81:F09FBFBF", "TF09FBFBF", 0, 0},
    {"6.22.5", "81:F0AFBFBE", "TF0AFBFBE", 0, 0},
    {"6.22.6", "81:F0AFBFBF", "TF0AFBFBF", 0, 0},
    {"6.22.7", "81:F0BFBFBE", "TF0BFBFBE", 0, 0},
    {"6.22.8", "81:F0BFBFBF", "TF0BFBFBF", 0, 0},
    {"6.22.9", "81:F18FBFBE", "TF18FBFBE", 0, 0},
    {"6.22.10", "81:F18FBFBF", "TF18FBFBF", 0, 0},
    {"6.22.11", "81:F19FBFBE", "TF19FBFBE", 0, 0},
    {"6.22.12", "81:F19FBFBF", "TF19FBFBF", 0, 0},
    {"6.22.13", "81:F1AFBFBE", "TF1AFBFBE", 0, 0},
    {"6.22.14", "81:F1AFBFBF", "TF1AFBFBF", 0, 0},
    {"6.22.15", "81:F1BFBFBE", "TF1BFBFBE", 0, 0},
    {"6.22.16", "81:F1BFBFBF", "TF1BFBFBF", 0, 0},
    {"6.22.17", "81:F28FBFBE", "TF28FBFBE", 0, 0},
    {"6.22.18", "81:F28FBFBF", "TF28FBFBF", 0, 0},
    {"6.22.19", "81:F29FBFBE", "TF29FBFBE", 0, 0},
    {"6.22.20", "81:F29FBFBF", "TF29FBFBF", 0, 0},
    {"6.22.21", "81:F2AFBFBE", "TF2AFBFBE", 0, 0},
    {"6.22.22", "81:F2AFBFBF", "TF2AFBFBF", 0, 0},
    {"6.22.23", "81:F2BFBFBE", "TF2BFBFBE", 0, 0},
    {"6.22.24", "81:F2BFBFBF", "TF2BFBFBF", 0, 0},
    {"6.22.25", "81:F38FBFBE", "TF38FBFBE", 0, 0},
    {"6.22.26", "81:F38FBFBF", "TF38FBFBF", 0, 0},
    {"6.22.27", "81:F39FBFBE", "TF39FBFBE", 0, 0},
    {"6.22.28", "81:F39FBFBF", "TF39FBFBF", 0, 0},
    {"6.22.29", "81:F3AFBFBE", "TF3AFBFBE", 0, 0},
    {"6.22.30", "81:F3AFBFBF", "TF3AFBFBF", 0, 0},
    {"6.22.31", "81:F3BFBFBE", "TF3BFBFBE", 0, 0},
    {"6.22.32", "81:F3BFBFBF", "TF3BFBFBF", 0, 0},
    {"6.22.33", "81:F48FBFBE", "TF48FBFBE", 0, 0},
    {"6.22.34", "81:F48FBFBF", "TF48FBFBF", 0, 0},

    {"6.23.1", "81:EFBFB9", "TEFBFB9", 0, 0},
    {"6.23.2", "81:EFBFBA", "TEFBFBA", 0, 0},
    {"6.23.3", "81:EFBFBB", "TEFBFBB", 0, 0},
    {"6.23.4", "81:EFBFBC", "TEFBFBC", 0, 0},
    {"6.23.5", "81:EFBFBD", "TEFBFBD", 0, 0},
    {"6.23.6", "81:EFBFBE", "TEFBFBE", 0, 0},
    {"6.23.7", "81:EFBFBF", "TEFBFBF", 0, 0},

};

static void
framing_sections_1_to_7(void **state)
{
	(void)state;
	frames_table(framing, LENGTH(framing));
}

static void
utf8_section_6(void **state)
{
	(void)state;
	frames_table(utf8, LENGTH(utf8));
}

/* A message of n bytes in frames of this size, which comes in pieces: all of it comes out, and nothing else. */
static void
check_long(enum ws_opcode opcode, size_t n, size_t frame, size_t piece)
{
	static const char mask[4] = "\x37\xFA\x21\x3D";
	char *bytes = malloc(n + (n / frame + 1) * (WS_HEAD_MAX + 4));
	size_t all = 0, at = 0, got = 0;
	struct ws_walk w = {0};
	struct ws_frame f = {0};

	for (size_t sent = 0; sent < n; sent += frame) {
		size_t part = frame < n - sent ? frame : n - sent, size = ws_head(bytes + all, opcode, part);

		bytes[all] = (char)((sent + part == n ? 0x80 : 0) | (sent == 0 ? opcode : 0));
		bytes[all + 1] = (char)(bytes[all + 1] | 0x80);
		memcpy(bytes + all + size, mask, 4);
		all += size + 4;
		for (size_t i = 0; i < part; i++)
			bytes[all + i] = (char)('*' ^ mask[i % 4]);
		all += part;
	}
	for (size_t end = 0; end < all;) {
		enum ws_result result = WS_FRAME;

		end += piece < all - end ? piece : all - end;
		while (result == WS_FRAME && at < end) {
			result = ws_next(&w, bytes + at, end - at, n, &f);
			assert_int_not_equal(result, WS_BAD);
			if (result == WS_PART)
				break;
			assert_true(f.opcode == opcode && f.before == got);
			for (size_t i = 0; i < f.payload.n; i += 1 + f.payload.n / 1000)
				assert_int_equal(f.payload.p[i], '*');
			got += f.payload.n;
			at += f.used;
			assert_int_equal(f.fin, at == all);
		}
	}
	assert_int_equal(got, n);
	assert_int_equal(at, all);
	free(bytes);
}

enum { KB = 1024, MB = 1024 * KB };

static void
limits_section_9(void **state)
{
	static const size_t messages[] = {64 * KB, 256 * KB, MB, 4 * MB, 8 * MB, 16 * MB};
	static const size_t frames[] = {64, 256, KB, 4 * KB, 16 * KB, 64 * KB, 256 * KB, MB, 4 * MB};

	(void)state;
	/* 9.1 and 9.2: in one frame. */
	for (size_t i = 0; i < LENGTH(messages); i++) {
		check_long(WS_TEXT, messages[i], messages[i], 64 * KB);
		check_long(WS_BINARY, messages[i], messages[i], 64 * KB);
	}
	/* 9.3 and 9.4: in many. */
	for (size_t i = 0; i < LENGTH(frames); i++) {
		check_long(WS_TEXT, 4 * MB, frames[i], 64 * KB);
		check_long(WS_BINARY, 4 * MB, frames[i], 64 * KB);
	}
	/* 9.5 and 9.6: in small pieces. */
	for (size_t piece = 64; piece <= 2 * KB; piece *= 2) {
		check_long(WS_TEXT, MB, MB, piece);
		check_long(WS_BINARY, MB, MB, piece);
	}
}

static void
fragments_section_10(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 70000; piece = piece * 3 + 1)
		check_long(WS_TEXT, 65536, 1300, piece);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(framing_sections_1_to_7),
	    cmocka_unit_test(utf8_section_6),
	    cmocka_unit_test(limits_section_9),
	    cmocka_unit_test(fragments_section_10),
	};

	test_watchdog(300);
	return cmocka_run_group_tests_name("ws_autobahn", tests, NULL, NULL);
}
