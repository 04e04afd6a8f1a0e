#include "gateway/best.h"

/* Lower is better. A 6xx is a global answer: nothing beats it. Then the lowest class; inside 4xx what helps the caller most: a
 * challenge, then what he can change and try again, then the rest. */
static unsigned rank(unsigned status)
{
	if (status >= 600)
		return 0;
	if (status < 400)
		return 1;
	if (status < 500) {
		switch (status) {
		case 401:
		case 407:
			return 2;
		case 415:
		case 420:
		case 484:
		case 413:
		case 416:
			return 3;
		case 408:
		case 430:
			return 6; /* says least: others answered */
		case 404:
		case 480:
			return 5;
		default:
			return 4;
		}
	}
	return status == 503 ? 8 : 7;
}

bool best_is_better(unsigned candidate, unsigned best)
{
	return best == 0 || rank(candidate) < rank(best);
}

unsigned best_status_upstream(unsigned status)
{
	if (status == 0)
		return 408;
	/* 16.7 step 6: a 503 means that whoever sent it is overloaded, not we. */
	return status == 503 ? 500 : status;
}
