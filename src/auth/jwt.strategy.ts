import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { AccessTokens, IGNORE_TIMES, TOKEN_ALGORITHM, type CheckedToken } from './access-tokens.js';

/** Verifies the access token of a request: its signature by the key that it names, then its claims. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(private readonly tokens: AccessTokens) {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      algorithms: [TOKEN_ALGORITHM],
      secretOrKeyProvider: (_request: unknown, token: string, done) => {
        try {
          done(null, tokens.keyFor(token));
        } catch (error) {
          done(error);
        }
      },
      ignoreExpiration: IGNORE_TIMES.ignoreExpiration,
      jsonWebTokenOptions: IGNORE_TIMES,
    });
  }

  /** @throws AppError TOKEN_INVALID, TOKEN_EXPIRED */
  validate(claims: Record<string, unknown>): CheckedToken {
    return this.tokens.read(claims);
  }

  /** Makes this the strategy that Passport calls `jwt`: it knows one of that name, a process may run several servers. */
  select(): void {
    passport.use(this);
  }
}
