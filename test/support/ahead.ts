/**
 * A test file that imports this, and what it starts from then on, runs before all else on the machine. It is for what
 * has a few seconds by contract: under load they would be over before it was given the processor. It shares its process
 * with no other file.
 */
import { constants, setPriority } from 'node:os';

try {
  setPriority(constants.priority.PRIORITY_HIGH);
} catch {
  // Who lacks CAP_SYS_NICE, as root in a container may, is as fast as the machine lets him.
}
