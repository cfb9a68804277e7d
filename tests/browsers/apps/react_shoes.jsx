// A route whose code and data come when it is first entered.
import { Link, useLoaderData, useSearchParams } from "react-router";
import { load } from "./late.js";
import { useTitle } from "./react_title.js";

export async function loader() {
  await load("shoes");
  return [41, 42, 43];
}

export function Component() {
  const shoes = useLoaderData();
  const [search, setSearch] = useSearchParams();
  useTitle("Shoes");
  return (
    <>
      <h1>Shoes {search.get("sort")}</h1>
      <button id="sort" onClick={() => setSearch({ sort: "price" }, { replace: true })}>
        Sort
      </button>
      {shoes.map((id) => (
        <Link key={id} to={`/shoes/${id}`}>
          Shoe {id}
        </Link>
      ))}
    </>
  );
}
